

def read_rows(path):
    """The rows of a file with a header line: comma-separated, or tab-separated where its name ends in `.tsv`.

    A file whose name has `.gz` behind that is unpacked.
    """
    name = str(path).lower()
    if not name.removesuffix(".gz").endswith((".csv", ".tsv")):
        raise ValueError(f"`{path}` is no .csv or .tsv (.gz) file; hint: read it, and give its rows in its place")
    opened = gzip.open if name.endswith(".gz") else open
    delimiter = "\t" if name.removesuffix(".gz").endswith(".tsv") else ","
    with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
        return [
            {name.strip(): (value or "").strip() for name, value in row.items() if name is not None}
            for row in csv.DictReader(file, delimiter=delimiter)
        ]


# What training took for a missing value; among symbols, `None` and `-` may be others.
MISSING = {
    *("", "?", "na", "n/a", "<na>", "nan", "-nan", "null", "#n/a", "#n/a n/a", "#na", "1.#ind", "-1.#ind", "1.#qnan"),
    *("-1.#qnan", "none", "-"),
}


def is_missing(value):
    if value is None or isinstance(value, float) and math.isnan(value):
        return True
    return isinstance(value, str) and value.lower() in MISSING


def is_number(symbol):
    """Whether a symbol is written as numbers are: `007` and `1_000` are text."""
    return re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", symbol) is not None


def symbol_of(value, symbols):
    """The place of `value` among a column's symbols; the last place stands for a missing value and every other one."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # Only text can be a symbol that reads like a missing value.
    if text in symbols and (isinstance(value, str) or not is_missing(value)):
        return symbols.index(text)
    if is_missing(value):
        return len(symbols)
    if text.lower() in ("true", "false") and text.lower() in symbols:
        return symbols.index(text.lower())
    if all(map(is_number, symbols)):
        for place, symbol in enumerate(symbols):
            try:
                if float(symbol) == float(text):
                    return place
            except ValueError:
                pass
    return len(symbols)


def column_inputs(column, value):
    """What the network gets for one value of a column."""
    if column["kind"] == "categorical":
        symbols = column["symbols"]
        place = symbol_of(value, symbols)
        return [float(place == other) for other in range(len(symbols) + 1)]
    try:
        number = math.nan if is_missing(value) else float(value)
    except (TypeError, ValueError):
        raise ValueError(f"column `{column['name']}`: {value!r} is no number") from None
    missing = not math.isfinite(number)
    scaled = ((column["fill"] if missing else number) - column["mean"]) / column["std"]
    return [scaled, float(missing)] if column["indicates_missing"] else [scaled]


def values_of(row, number, names):
    """The values of one row in the columns' order: of a dict by their names, of a sequence all."""
    if hasattr(row, "keys"):
        absent = [name for name in names if name not in row]
        if absent:
            raise ValueError(f"row {number} has no column `{absent[0]}`")
        return [row[name] for name in names]
    values = row.tolist() if hasattr(row, "tolist") else row
    if not isinstance(values, (list, tuple)) or len(values) != len(names):
        raise ValueError(
            f"row {number} has no value for each of {len(names)} columns, from `{names[0]}` to `{names[-1]}`; "
            "hint: give dicts by column (of a data frame `to_dict('records')`), or values in the columns' order"
        )
    return values


def prepare(rows):
    """The network's input, `[n_rows, inputs]`, from rows, or from the file that holds them.

    A row is a dict by column, or has a value for each column, in their order.
    """
    rows = read_rows(rows) if isinstance(rows, (str, Path)) else list(rows)
    columns = INPUT["columns"]
    names = [column["name"] for column in columns]
    rows = [values_of(row, number, names) for number, row in enumerate(rows, start=1)]
    inputs = [[x for column, value in zip(columns, row) for x in column_inputs(column, value)] for row in rows]
    width = sum(len(column_inputs(column, None)) for column in columns)
    return torch.tensor(inputs, dtype=torch.float32).reshape(len(rows), width)
