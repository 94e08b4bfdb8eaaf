//! `--top`: how many results at most.

/// Reads `--top`. As az has it, -1 is no bound.
pub(super) fn top(text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(count) if count > 0 => usize::try_from(count).map_err(|_| "it is too large".to_owned()),
        _ => Err("it takes 1 or more, or -1 for all".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_takes_a_number_or_minus_one_for_all() {
        for (text, expected) in [
            ("1", Some(1)),
            ("-1", Some(usize::MAX)),
            ("0", None),
            ("-2", None),
            ("x", None),
        ] {
            assert_eq!(top(text).ok(), expected, "{text}");
        }
    }
}
