//! A table that comes page by page, and fits a terminal.

use serde_json::Value;

use super::style::{FAINT, STRONG, paint};

/// Columns whose widths are those of the rows so far: a later page may widen them, and nothing is
/// held back for it.
#[derive(Debug)]
pub(crate) struct Sheet {
    headings: Vec<String>,
    widths: Vec<usize>,
    /// The width of the terminal; `None`: there is none, and no cell is cut.
    room: Option<usize>,
    is_begun: bool,
}

impl Sheet {
    /// An empty one under these headings.
    pub(crate) fn new(headings: Vec<String>, room: Option<usize>) -> Self {
        Self {
            widths: headings.iter().map(|heading| width(heading)).collect(),
            headings,
            room,
            is_begun: false,
        }
    }

    /// For what stdout is.
    pub(crate) fn for_stdout(headings: Vec<String>) -> Self {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        Self::new(headings, size.map(|(width, _)| usize::from(width.0)))
    }

    /// The lines of further rows, before the first of them those of the headings.
    pub(crate) fn page(&mut self, rows: &[Vec<String>]) -> String {
        for row in rows {
            for (known, cell) in self.widths.iter_mut().zip(row) {
                *known = (*known).max(width(cell));
            }
        }
        let limit = self.limit();
        let mut out = String::new();
        if !self.is_begun {
            self.is_begun = true;
            let headings = std::mem::take(&mut self.headings);
            self.line(&mut out, &headings, limit, |_, text| paint(FAINT, text));
        }
        for row in rows {
            self.line(&mut out, row, limit, |column, text| match column {
                0 => paint(STRONG, text),
                _ => text.to_owned(),
            });
        }
        out
    }

    /// The widest that a column may be: what is narrower keeps its width, the others share what is left.
    fn limit(&self) -> usize {
        let widest = self.widths.iter().copied().max().unwrap_or_default();
        let Some(room) = self.room else {
            return widest;
        };
        let gaps = GAP * self.widths.len().saturating_sub(1);
        let fits = |limit: &usize| {
            let cut = self.widths.iter().map(|width| width.min(limit));
            cut.sum::<usize>() + gaps <= room
        };
        let mut limits = (COLUMN_MIN..=widest.min(room)).rev();
        limits.find(fits).unwrap_or(COLUMN_MIN)
    }

    fn line(
        &self,
        out: &mut String,
        cells: &[String],
        limit: usize,
        style: impl Fn(usize, &str) -> String,
    ) {
        let mut line = String::new();
        for (column, (cell, known)) in cells.iter().zip(&self.widths).enumerate() {
            let text = cut(cell, limit);
            line.push_str(&style(column, &text));
            if column + 1 < cells.len() {
                let padding = (*known).min(limit).saturating_sub(width(&text)) + GAP;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A value in a cell: a text without its quotes, all else as JSON. What a terminal would act upon is
/// spelled out.
pub(crate) fn cell(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
        Some(Value::String(text)) => spell_out(text),
        Some(other) => spell_out(&other.to_string()),
    }
}

fn spell_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

const GAP: usize = 2;
/// A narrower column says nothing; on a terminal that has no room even for that, lines wrap.
const COLUMN_MIN: usize = 6;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sheet(room: Option<usize>) -> Sheet {
        Sheet::new(["deviceId", "tags"].map(str::to_owned).to_vec(), room)
    }

    fn plain(sheet: &mut Sheet, rows: &[[&str; 2]]) -> String {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| row.map(str::to_owned).into())
            .collect();
        anstream::adapter::strip_str(&sheet.page(&rows)).to_string()
    }

    #[test]
    fn headings_come_once_and_a_later_page_widens_its_columns() {
        let mut sheet = sheet(None);
        let page = plain(&mut sheet, &[["pump-1", "a"], ["p", "b"]]);
        assert_eq!(page, "deviceId  tags\npump-1    a\np         b\n");
        let page = plain(&mut sheet, &[["a-longer-name", "a"], ["p", "b"]]);
        assert_eq!(page, "a-longer-name  a\np              b\n");
    }

    #[test]
    fn the_widest_columns_are_cut_until_a_line_fits_the_terminal() {
        let long = "x".repeat(100);
        let cut = plain(&mut sheet(Some(30)), &[["pump-1", &long]]);
        let expected = format!("deviceId  tags\npump-1    {}…\n", "x".repeat(19));
        assert_eq!(cut, expected);
        let whole = plain(&mut sheet(None), &[["pump-1", &long]]);
        assert!(whole.ends_with(&format!("pump-1    {long}\n")), "{whole}");
        let narrow = plain(&mut sheet(Some(3)), &[["pump-1", &long]]);
        assert_eq!(narrow, "devic…  tags\npump-1  xxxxx…\n");
    }

    #[test]
    fn a_cell_holds_any_value_and_moves_no_cursor() {
        let cases = [
            (None, "-"),
            (Some(json!(null)), "null"),
            (Some(json!("")), "\"\""),
            (Some(json!("Ærø\u{1b}[2J\n")), "Ærø\\u{1b}[2J\\n"),
            (Some(json!({"a": [1, "\u{9b}"]})), "{\"a\":[1,\"\\u{9b}\"]}"),
            (Some(json!(21.5)), "21.5"),
        ];
        for (value, expected) in cases {
            assert_eq!(cell(value.as_ref()), expected);
        }
    }
}
