//! Columns.

use super::style::{FAINT, paint};

/// Rows under a heading, columns as wide as their widest cell. A cell may carry a style; its width is
/// that of the text alone, so cells come as (text, painted).
pub(crate) fn table(heading: &[&str], rows: &[Vec<(String, String)>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, (text, _)) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let heading: Vec<(String, String)> = heading
        .iter()
        .map(|cell| ((*cell).to_owned(), paint(FAINT, cell)))
        .collect();
    let mut out = String::new();
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        for (index, (text, painted)) in row.iter().enumerate() {
            line.push_str(painted);
            if index + 1 < row.len() {
                let padding = widths[index].saturating_sub(text.chars().count()) + 2;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_painted() {
        let cell = |text: &str| (text.to_owned(), paint(super::super::style::GOOD, text));
        let rows = [
            vec![cell("pump-1"), cell("on")],
            vec![cell("p"), cell("off")],
        ];
        let plain = anstream::adapter::strip_str(&table(&["DEVICE", "S"], &rows)).to_string();
        assert_eq!(plain, "DEVICE  S\npump-1  on\np       off\n");
    }
}
