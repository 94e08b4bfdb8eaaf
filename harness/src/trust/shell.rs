//! Variables as lines that a shell takes in, quoted by its own rules.

use std::fmt::Write;

/// A shell's language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// sh, bash, zsh, dash, ksh.
    #[default]
    Sh,
    /// fish.
    Fish,
    /// `PowerShell`.
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
    /// The Windows command prompt; to be saved as a `.cmd` file and called.
    Cmd,
}

/// Lines that set `variables`, after a comment that tells how to take them in.
pub fn render(shell: Shell, variables: &[(String, String)]) -> String {
    let mut text = match shell {
        Shell::Sh => "# eval \"$(hubnerite env)\"\n",
        Shell::Fish => "# hubnerite env --shell fish | source\n",
        Shell::PowerShell => {
            "# hubnerite env --shell powershell | Out-String | Invoke-Expression\n"
        }
        Shell::Cmd => "@rem hubnerite env --shell cmd > env.cmd && call env.cmd\n",
    }
    .to_owned();
    for (name, value) in variables {
        let _ = writeln!(text, "{}", assignment(shell, name, value));
    }
    text
}

/// One line that sets the variable `name`.
pub(super) fn assignment(shell: Shell, name: &str, value: &str) -> String {
    match shell {
        Shell::Sh => format!("export {name}={}", sh(value)),
        Shell::Fish => format!("set -gx {name} '{}'", fish(value)),
        Shell::PowerShell => format!("$env:{name} = '{}'", power_shell(value)),
        Shell::Cmd => format!("@set \"{name}={}\"", cmd(value)),
    }
}

/// One word of sh: within single quotes nothing is special but their end.
pub(super) fn sh(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Within single quotes fish knows `\\` and `\'`, nothing else.
fn fish(value: &str) -> String {
    value.replace('\\', r"\\").replace('\'', r"\'")
}

/// Within single quotes a quote is doubled; `PowerShell` takes the typographic ones for quotes too.
pub(super) fn power_shell(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted
}

/// In a batch file `%` is doubled. A quote within the value ends the quoting that the line opened,
/// and operators are then escaped by `^`, until the next one.
fn cmd(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let mut quoted = true;
    for character in value.chars() {
        match character {
            '"' => quoted = !quoted,
            '%' => escaped.push('%'),
            '&' | '|' | '<' | '>' | '^' | '(' | ')' if !quoted => escaped.push('^'),
            _ => {}
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(shell: Shell, value: &str) -> String {
        let text = render(shell, &[("X".to_owned(), value.to_owned())]);
        text.split_once('\n')
            .unwrap()
            .1
            .trim_end_matches('\n')
            .to_owned()
    }

    #[test]
    fn each_shell_has_its_own_quoting() {
        let cases = [
            (Shell::Sh, r"it's $x \ `y`", r"export X='it'\''s $x \ `y`'"),
            (Shell::Fish, r"it's $x \ *", r"set -gx X 'it\'s $x \\ *'"),
            (Shell::PowerShell, "it's $x `n", "$env:X = 'it''s $x `n'"),
            (
                Shell::PowerShell,
                "O\u{2019}Neil",
                "$env:X = 'O\u{2019}\u{2019}Neil'",
            ),
            (Shell::Cmd, "a=1&b;50%", "@set \"X=a=1&b;50%%\""),
            (
                Shell::Cmd,
                r#"-D="C:\my & dir" x&y"#,
                "@set \"X=-D=\"C:\\my ^& dir\" x&y\"",
            ),
        ];
        for (shell, value, expected) in cases {
            assert_eq!(line(shell, value), expected);
        }
    }

    /// The judge is the machine's own `sh`.
    #[cfg(unix)]
    #[test]
    fn sh_gives_back_every_value_unchanged() {
        let values = [
            "",
            "HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=aGk+/w==",
            "it's \"quoted\" $HOME `date` $(date) \\ \\n ! * ? ~ # & | ; < >",
            "'",
            "''",
            "'\\''",
            "tab\there",
            "line\nbreak",
            "Grüße/日本",
        ];
        for value in values {
            let script = format!(
                "{}printf %s \"$X\"",
                render(Shell::Sh, &[("X".to_owned(), value.to_owned())])
            );
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
            assert!(output.stderr.is_empty());
        }
    }
}
