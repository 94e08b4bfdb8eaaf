//! Columns that line up, numbers that can be read.

/// Rows of text as a Markdown table, which is also one for the eye; numbers go to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(head[column].chars().count())
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let right = |column: usize| {
        let mut cells = rows.iter().map(|row| row[column].as_str());
        column > 0 && cells.all(|cell| cell.is_empty() || is_number(cell))
    };
    let line = |cells: Vec<&str>| {
        let mut line = String::from("|");
        for (column, cell) in cells.into_iter().enumerate() {
            let width = widths[column];
            let cell = if right(column) {
                format!(" {cell:>width$} |")
            } else {
                format!(" {cell:<width$} |")
            };
            line += &cell;
        }
        line + "\n"
    };
    let mut text = line(head.to_vec());
    text.push('|');
    for (column, width) in widths.iter().enumerate() {
        text += &"-".repeat(width + 1);
        text += if right(column) { ":|" } else { "-|" };
    }
    text.push('\n');
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text
}

/// Three digits that count, thousands set apart.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let first = digits.len() % 3;
            let mut text = digits[..first].to_owned();
            for group in digits.as_bytes()[first..].chunks(3) {
                if !text.is_empty() {
                    text.push(',');
                }
                text.extend(group.iter().map(|byte| char::from(*byte)));
            }
            text
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_three_digits_that_count() {
        let told = [1_234_567.8, 1_000.0, 123.4, 12.34, 1.234, 0.1234].map(number);
        assert_eq!(told, ["1,234,568", "1,000", "123", "12.3", "1.23", "0.123"]);
    }

    #[test]
    fn a_table_lines_up_for_the_eye() {
        let rows = vec![
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bcd".to_owned(), "23".to_owned()],
        ];
        let told = table(&["it", "n"], &rows);
        assert_eq!(
            told,
            "| it  |  n |\n|-----|---:|\n| a   |  1 |\n| bcd | 23 |\n"
        );
    }
}
