//! A text table whose columns are as wide as their widest cells.

use std::fmt;

/// Rows of cells under a header row. The first column is left-aligned; the others, which contain
/// numbers, are right-aligned.
pub struct TextTable {
    rows: Vec<Vec<String>>,
    is_last_left: bool,
}

impl TextTable {
    pub fn new<T: Into<String>>(heads: impl IntoIterator<Item = T>) -> Self {
        Self { rows: vec![heads.into_iter().map(Into::into).collect()], is_last_left: false }
    }

    /// Left-aligns the last column, which contains text.
    #[must_use]
    pub fn with_last_to_the_left(self) -> Self {
        Self { is_last_left: true, ..self }
    }

    /// Adds a blank line and a heading for the rows that follow.
    pub fn section(&mut self, heading: impl Into<String>) {
        self.rows.push(vec![String::new()]);
        self.rows.push(vec![heading.into()]);
    }

    /// Adds a row with one cell per column.
    pub fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let is_whole = |row: &&Vec<String>| row.len() == columns;
        let width = |column: usize| {
            let cells = self.rows.iter().filter(is_whole).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            if !is_whole(&row) {
                writeln!(f, "{}", row[0])?;
                continue;
            }
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 || self.is_last_left && column + 1 == columns {
                    line += &format!("{cell:<width$}  ");
                } else if width > 0 {
                    line += &format!("{cell:>width$}  ");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
