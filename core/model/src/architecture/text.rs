//! Reading published architecture strings: a cursor whose errors name the place.

use crate::space::SpaceError;

/// A place in a text that is being read.
pub(super) struct Cursor<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, place: 0 }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.place..]
    }

    /// Reads `expected`, or says that it is missing.
    pub(super) fn expect(&mut self, expected: &str) -> Result<(), SpaceError> {
        if self.rest().starts_with(expected) {
            self.place += expected.len();
            return Ok(());
        }
        Err(self.error(format!("expected `{expected}`, found {}", self.found())))
    }

    /// Reads up to the next character of `ends`, or to the end of the text.
    pub(super) fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.place += word.len();
        word
    }

    /// Reads one digit below `n`.
    pub(super) fn digit(&mut self, n: usize) -> Result<usize, SpaceError> {
        let digit =
            self.rest().chars().next().and_then(|digit| digit.to_digit(10)).map(|digit| digit as usize);
        match digit.filter(|&digit| digit < n) {
            Some(digit) => {
                self.place += 1;
                Ok(digit)
            }
            None => Err(self.error(format!("expected a digit below {n}, found {}", self.found()))),
        }
    }

    /// Passes over whitespace.
    pub(super) fn skip_whitespace(&mut self) {
        let rest = self.rest();
        self.place += rest.len() - rest.trim_start().len();
    }

    /// Reads `expected` after whitespace, or says that it is missing.
    pub(super) fn token(&mut self, expected: &str) -> Result<(), SpaceError> {
        self.skip_whitespace();
        self.expect(expected)
    }

    /// Reads `token` after whitespace where it stands there, and says whether it did.
    pub(super) fn token_if(&mut self, token: &str) -> bool {
        self.token(token).is_ok()
    }

    /// Reads a whole number below `n`.
    pub(super) fn number(&mut self, n: usize) -> Result<usize, SpaceError> {
        let rest = self.rest();
        let digits = &rest[..rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())];
        match digits.parse().ok().filter(|&number| number < n) {
            Some(number) => {
                self.place += digits.len();
                Ok(number)
            }
            None => Err(self.error(format!("expected a number below {n}, found {}", self.found()))),
        }
    }

    /// Reads the end of the text, or says what follows.
    pub(super) fn end(&self) -> Result<(), SpaceError> {
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.error(format!("expected the end of the text, found {}", self.found())))
    }

    /// An error at this place.
    pub(super) fn error(&self, problem: String) -> SpaceError {
        let position = self.text[..self.place].chars().count() + 1;
        SpaceError::BadText { text: self.text.to_owned(), position, problem }
    }

    /// The error that `word`, just read, should have been one of `allowed`.
    pub(super) fn not_one_of(&self, word: &str, what: &str, allowed: &[String]) -> SpaceError {
        let start = Self { text: self.text, place: self.place - word.len() };
        start.error(format!("`{word}` is no {what}; hint: use one of `{}`", allowed.join("`, `")))
    }

    fn found(&self) -> String {
        match self.rest() {
            "" => "the end of the text".into(),
            rest => format!("`{}`", rest.chars().take(12).collect::<String>()),
        }
    }
}
