//! The text form of a pair of cells: DARTS's genotype, as Python prints it.

use crate::space::{Configuration, Space, SpaceError};

use super::super::text::Cursor;
use super::{Pair, PairedCells};

/// What the two cells are called in a genotype, in the order of parameters.
const NAMES: [&str; 2] = ["normal", "reduce"];

impl PairedCells {
    /// Reads a genotype as DARTS prints it: two `('operation', input)` for each node and which nodes are joined.
    ///
    /// ```text
    /// Genotype(normal=[('sep_conv_3x3', 1), …], normal_concat=range(2, 6), reduce=[…], reduce_concat=[2, 3, 4, 5])
    /// ```
    ///
    /// Where inputs must differ, the order of a node's two edges does not count. Parameters of `space` that are no part
    /// of the cells get their defaults.
    ///
    /// Errors with [`SpaceError::BadText`], which names the place in the text.
    pub fn parse(&self, space: &Space, text: &str) -> Result<Configuration, SpaceError> {
        let mut cursor = Cursor::new(text);
        cursor.token("Genotype")?;
        cursor.token("(")?;
        let normal = self.read_cell(&mut cursor, NAMES[0])?;
        cursor.token(",")?;
        let reduction = self.read_cell(&mut cursor, NAMES[1])?;
        cursor.token_if(",");
        cursor.token(")")?;
        cursor.skip_whitespace();
        cursor.end()?;
        self.configuration(space, &[normal, reduction])
    }

    /// Writes the genotype, with the nodes that are joined as a range where that says it.
    pub fn format(&self, space: &Space, configuration: &Configuration) -> Result<String, SpaceError> {
        let cells = self.cells(space, configuration)?;
        let parts: Vec<String> = NAMES
            .into_iter()
            .zip(&cells)
            .map(|(name, cell)| {
                let edges: Vec<String> = cell
                    .iter()
                    .flatten()
                    .map(|&(input, operation)| format!("('{}', {input})", self.operations[operation]))
                    .collect();
                let joined = self.joined(cell);
                let joined = match (joined.first(), joined.last()) {
                    (Some(first), Some(last)) if last - first + 1 == joined.len() => {
                        format!("range({first}, {})", last + 1)
                    }
                    _ => format!("{joined:?}"),
                };
                format!("{name}=[{}], {name}_concat={joined}", edges.join(", "))
            })
            .collect();
        Ok(format!("Genotype({})", parts.join(", ")))
    }

    fn read_cell(&self, cursor: &mut Cursor<'_>, name: &str) -> Result<Vec<Pair>, SpaceError> {
        cursor.token(name)?;
        cursor.token("=")?;
        cursor.token("[")?;
        let mut pairs = Vec::new();
        for node in self.nodes() {
            let mut pair = [self.read_edge(cursor, node)?, self.read_edge(cursor, node)?];
            if self.distinct_inputs {
                if pair[0].0 == pair[1].0 {
                    return Err(cursor.error(format!(
                        "node {node} has node {} as both inputs; hint: `distinct_inputs` does not allow it",
                        pair[0].0
                    )));
                }
                pair.sort_unstable();
            }
            pairs.push(pair);
        }
        cursor.token("]")?;
        cursor.token(",")?;
        cursor.token(&format!("{name}_concat"))?;
        cursor.token("=")?;
        let joined = read_numbers(cursor)?;
        let expected = self.joined(&pairs);
        if joined != expected {
            return Err(cursor.error(format!(
                "the {name} cell joins the nodes {joined:?}; hint: in this space such a cell joins {expected:?}"
            )));
        }
        Ok(pairs)
    }

    /// One `('operation', input)` of `node` and the comma after it, as input and place of the operation.
    fn read_edge(&self, cursor: &mut Cursor<'_>, node: usize) -> Result<(usize, usize), SpaceError> {
        cursor.token("(")?;
        cursor.token("'")?;
        let name = cursor.until(&['\'']);
        let operation = self.operations.iter().position(|operation| operation == name);
        let operation = operation.ok_or_else(|| cursor.not_one_of(name, "operation", &self.operations))?;
        cursor.token("'")?;
        cursor.token(",")?;
        cursor.skip_whitespace();
        let input = cursor.number(node)?;
        cursor.token(")")?;
        cursor.token_if(",");
        Ok((input, operation))
    }
}

/// `range(2, 6)` or `[2, 3, 4, 5]`.
fn read_numbers(cursor: &mut Cursor<'_>) -> Result<Vec<usize>, SpaceError> {
    const MOST: usize = 1000;
    if cursor.token_if("range") {
        cursor.token("(")?;
        cursor.skip_whitespace();
        let start = cursor.number(MOST)?;
        cursor.token(",")?;
        cursor.skip_whitespace();
        let end = cursor.number(MOST)?;
        cursor.token(")")?;
        return Ok((start..end).collect());
    }
    cursor.token("[")?;
    let mut numbers = Vec::new();
    while !cursor.token_if("]") {
        cursor.skip_whitespace();
        numbers.push(cursor.number(MOST)?);
        cursor.token_if(",");
    }
    Ok(numbers)
}
