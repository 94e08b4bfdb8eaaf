//! Reads a query: recursive descent, one function for each level of precedence.

use super::ast::{Collection, Constant, Expression, Operator, Query};
use super::condition::ConditionKind;
use super::error::QueryError;
use super::lexer::{Token, TokenKind, tokens};
use super::path::{Path, Root, Step};

impl Query {
    /// Reads a query. What the language has and this engine does not is refused by name.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        Parser::new(text)?.query()
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    /// The last one is `End`, which is never passed.
    tokens: Vec<Token<'a>>,
    at: usize,
    /// Parentheses and NOTs open around the current token.
    depth: usize,
    /// Which attributes may be named, and how a message lists them.
    scope: Option<Scope>,
}

/// What a fragment may be about.
#[derive(Clone, Copy)]
struct Scope {
    names: &'static str,
    roots: &'static [Root],
}

const OF_DEVICES: Scope = Scope {
    names: "deviceId, tags or properties.reported",
    roots: &[Root::DeviceId, Root::Tags, Root::Reported],
};
const OF_MODULES: Scope = Scope {
    names: "deviceId, moduleId, tags or properties.reported",
    roots: &[Root::DeviceId, Root::ModuleId, Root::Tags, Root::Reported],
};

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, QueryError> {
        if text.len() > TEXT_BYTES_MAX {
            let what = format!(
                "{} bytes where at most {TEXT_BYTES_MAX} are allowed",
                text.len()
            );
            return Err(QueryError::new("", 0, what));
        }
        Ok(Self {
            text,
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
            scope: None,
        })
    }

    /// Reads a condition that is no `*` and not empty.
    pub(super) fn condition(
        mut self,
        kind: ConditionKind,
    ) -> Result<(Collection, Expression), QueryError> {
        let mut collection = Collection::Devices;
        match kind {
            ConditionKind::Job => {}
            ConditionKind::Configuration if self.take_keyword("FROM") => {
                let start = self.at;
                collection = self.collection_name()?;
                if collection != Collection::Modules {
                    self.at = start;
                    return Err(self.expected("devices.modules"));
                }
                if !self.take_keyword("WHERE") {
                    return Err(self.expected("WHERE"));
                }
                self.scope = Some(OF_MODULES);
            }
            ConditionKind::Configuration => self.scope = Some(OF_DEVICES),
        }
        let expression = self.expression()?;
        match self.kind() {
            TokenKind::End => Ok((collection, expression)),
            _ => Err(self.expected("AND, OR or the end")),
        }
    }

    fn query(mut self) -> Result<Query, QueryError> {
        if !self.take_keyword("SELECT") {
            return Err(self.expected("SELECT"));
        }
        self.select_list()?;
        if !self.take_keyword("FROM") {
            return Err(self.expected("FROM"));
        }
        let collection = self.collection_name()?;
        if collection != Collection::Devices {
            return Err(self.not_built(match collection {
                Collection::Jobs => "FROM devices.jobs",
                Collection::Devices | Collection::Modules => "FROM devices.modules",
            }));
        }
        let condition = if self.take_keyword("WHERE") {
            Some(self.expression()?)
        } else {
            None
        };
        if self.is_keyword("GROUP") {
            return Err(self.not_built("GROUP BY"));
        }
        self.take_symbol(";");
        match self.kind() {
            TokenKind::End => Ok(Query {
                collection,
                condition,
            }),
            _ if condition.is_some() => Err(self.expected("AND, OR or the end")),
            _ => Err(self.expected("WHERE or the end")),
        }
    }

    fn select_list(&mut self) -> Result<(), QueryError> {
        if self.is_keyword("TOP") {
            return Err(self.not_built("TOP"));
        }
        if self.take_symbol("*") {
            return match self.kind() {
                TokenKind::Symbol(",") => Err(self.not_built("projection")),
                _ => Ok(()),
            };
        }
        let is_call =
            self.tokens.get(self.at + 1).map(|token| &token.kind) == Some(&TokenKind::Symbol("("));
        match self.kind() {
            TokenKind::Word(word) if is_call && is_one_of(word, &AGGREGATES) => {
                Err(self.not_built(&format!("aggregate {}", word.to_ascii_uppercase())))
            }
            TokenKind::Word(word) if !is_one_of(word, &RESERVED) && !is_foreign(word) => {
                Err(self.not_built("projection"))
            }
            TokenKind::Bracketed(_) => Err(self.not_built("projection")),
            _ => Err(self.expected("'*'")),
        }
    }

    fn collection_name(&mut self) -> Result<Collection, QueryError> {
        let TokenKind::Word(name) = *self.kind() else {
            return Err(self.expected("a collection (devices)"));
        };
        if !name.eq_ignore_ascii_case("devices") {
            return Err(self.expected("a collection (devices)"));
        }
        self.at += 1;
        if !self.take_symbol(".") {
            return Ok(Collection::Devices);
        }
        if self.take_keyword("modules") {
            Ok(Collection::Modules)
        } else if self.take_keyword("jobs") {
            Ok(Collection::Jobs)
        } else {
            Err(self.expected("modules or jobs"))
        }
    }

    /// OR binds loosest.
    fn expression(&mut self) -> Result<Expression, QueryError> {
        let mut parts = vec![self.conjunction()?];
        while self.take_keyword("OR") {
            parts.push(self.conjunction()?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn conjunction(&mut self) -> Result<Expression, QueryError> {
        let mut parts = vec![self.negation()?];
        while self.take_keyword("AND") {
            parts.push(self.negation()?);
        }
        Ok(joined(parts, Expression::All))
    }

    fn negation(&mut self) -> Result<Expression, QueryError> {
        if !self.take_keyword("NOT") {
            return self.comparison();
        }
        self.enter()?;
        let inner = self.negation()?;
        self.depth -= 1;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Expression, QueryError> {
        let left = self.operand()?;
        if let TokenKind::Symbol(symbol) = *self.kind()
            && let Some(operator) = operator(symbol)
        {
            self.at += 1;
            let right = self.operand()?;
            return Ok(Expression::Compare(
                Box::new(left),
                operator,
                Box::new(right),
            ));
        }
        let is_negated = self.is_keyword("NOT") || self.is_keyword("NIN");
        if self.take_keyword("NOT") {
            if !self.take_keyword("IN") {
                return Err(self.expected("IN"));
            }
        } else if !self.take_keyword("NIN") && !self.take_keyword("IN") {
            return Ok(left);
        }
        let within = Expression::In(Box::new(left), self.list()?);
        Ok(if is_negated {
            Expression::Not(Box::new(within))
        } else {
            within
        })
    }

    /// A list of constants in brackets; parentheses are a syntax error in the language.
    fn list(&mut self) -> Result<Vec<Constant>, QueryError> {
        if !self.take_symbol("[") {
            return Err(self.expected("'['"));
        }
        let mut constants = Vec::new();
        if self.take_symbol("]") {
            return Ok(constants);
        }
        loop {
            match self.operand()? {
                Expression::Constant(constant) => constants.push(constant),
                _ => return Err(self.not_built("list of anything but constants")),
            }
            if self.take_symbol("]") {
                return Ok(constants);
            }
            if !self.take_symbol(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    /// What stands on one side of a comparison.
    fn operand(&mut self) -> Result<Expression, QueryError> {
        let operand = self.signed()?;
        match *self.kind() {
            TokenKind::Symbol("+" | "-" | "*" | "/" | "%") => Err(self.not_built("arithmetic")),
            _ => Ok(operand),
        }
    }

    fn signed(&mut self) -> Result<Expression, QueryError> {
        let is_minus = match *self.kind() {
            TokenKind::Symbol("-") => true,
            TokenKind::Symbol("+") => false,
            _ => return self.primary(),
        };
        self.at += 1;
        match *self.kind() {
            TokenKind::Number(value) => {
                self.at += 1;
                let value = if is_minus { -value } else { value };
                Ok(Expression::Constant(Constant::Number(value)))
            }
            TokenKind::Word(_) | TokenKind::Bracketed(_) | TokenKind::Symbol("(") => {
                Err(self.not_built("arithmetic"))
            }
            _ => Err(self.expected("a number")),
        }
    }

    fn primary(&mut self) -> Result<Expression, QueryError> {
        let constant = match self.kind().clone() {
            TokenKind::Number(value) => Constant::Number(value),
            TokenKind::Text(value) => Constant::Text(value),
            TokenKind::Word(word) => match constant(word) {
                Some(constant) => constant,
                None if is_one_of(word, &RESERVED) => return Err(self.expected("a value")),
                None => return self.path_or_call(word),
            },
            TokenKind::Bracketed(_) => return self.path().map(Expression::Path),
            TokenKind::Symbol("(") => {
                self.enter()?;
                self.at += 1;
                let inner = self.expression()?;
                self.depth -= 1;
                self.close()?;
                return Ok(inner);
            }
            TokenKind::Symbol("[") => return Err(self.not_built("list outside IN")),
            TokenKind::Symbol(_) | TokenKind::End => return Err(self.expected("a value")),
        };
        self.at += 1;
        Ok(Expression::Constant(constant))
    }

    fn path_or_call(&mut self, word: &str) -> Result<Expression, QueryError> {
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        if next != Some(&TokenKind::Symbol("(")) {
            return self.path().map(Expression::Path);
        }
        let name = word.to_ascii_uppercase();
        if name != "IS_DEFINED" {
            return Err(if FUNCTIONS.contains(&&*name) {
                self.not_built(&format!("function {name}"))
            } else {
                self.error(&format!("unknown function {}", shortened(word)))
            });
        }
        self.at += 2;
        let path = self.path()?;
        self.close()?;
        Ok(Expression::IsDefined(path))
    }

    fn path(&mut self) -> Result<Path, QueryError> {
        let start = self.token().start;
        let mut steps = vec![self.path_part("a path")?];
        loop {
            if self.take_symbol(".") {
                steps.push(self.path_part("a name")?);
            } else if self.take_symbol("[") {
                steps.push(self.index()?);
            } else {
                break;
            }
        }
        let path = Path::resolve(steps);
        match self.scope {
            Some(scope) if !scope.roots.contains(&path.root) => {
                let what = format!("a condition here is about {},", scope.names);
                Err(QueryError::new(self.text, start, what))
            }
            _ => Ok(path),
        }
    }

    /// A name in a path; a keyword must stand in double brackets.
    fn path_part(&mut self, what: &str) -> Result<Step, QueryError> {
        let name = match *self.kind() {
            TokenKind::Bracketed(name) => name,
            TokenKind::Word(word) if !is_one_of(word, &RESERVED) => word,
            TokenKind::Word(word) => {
                return Err(self.expected(&format!("{what} (write [[{word}]] for the keyword)")));
            }
            TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::Symbol(_) | TokenKind::End => {
                return Err(self.expected(what));
            }
        };
        self.at += 1;
        Ok(Step::Key(name.into()))
    }

    /// The rest of `[n]`.
    fn index(&mut self) -> Result<Step, QueryError> {
        let Some(token) = self.tokens.get(self.at) else {
            return Err(self.expected("an index"));
        };
        let Ok(index) = self.text[token.start..token.end].parse() else {
            return Err(self.expected("an index"));
        };
        self.at += 1;
        if !self.take_symbol("]") {
            return Err(self.expected("']'"));
        }
        Ok(Step::Index(index))
    }

    fn close(&mut self) -> Result<(), QueryError> {
        if self.take_symbol(")") {
            Ok(())
        } else {
            Err(self.expected("')'"))
        }
    }

    /// Opens a level of nesting. The caller closes it.
    fn enter(&mut self) -> Result<(), QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(&format!("more than {DEPTH_MAX} levels of nesting")));
        }
        Ok(())
    }

    fn token(&self) -> &Token<'a> {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &TokenKind<'a> {
        &self.token().kind
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.kind(), TokenKind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        self.at += usize::from(is_there);
        is_there
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.kind(), TokenKind::Symbol(other) if *other == symbol);
        self.at += usize::from(is_there);
        is_there
    }

    /// A syntax error at the current token.
    fn expected(&self, what: &str) -> QueryError {
        let token = self.token();
        if let TokenKind::Word(word) = token.kind
            && is_foreign(word)
        {
            let word = word.to_ascii_uppercase();
            return self.error(&format!("{word} is not in the query language"));
        }
        let found = match token.kind {
            TokenKind::End => "end of the query".to_owned(),
            _ => format!("'{}'", shortened(&self.text[token.start..token.end])),
        };
        self.error(&format!("unexpected {found}, expected {what},"))
    }

    fn error(&self, what: &str) -> QueryError {
        QueryError::new(self.text, self.token().start, what)
    }

    fn not_built(&self, feature: &str) -> QueryError {
        QueryError {
            is_gap: true,
            ..self.error(feature)
        }
    }
}

/// One expression for several; a single one stays what it is.
fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn operator(symbol: &str) -> Option<Operator> {
    Some(match symbol {
        "=" => Operator::Equal,
        "!=" | "<>" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        _ => return None,
    })
}

fn constant(word: &str) -> Option<Constant> {
    Some(match word.to_ascii_uppercase().as_str() {
        "TRUE" => Constant::Bool(true),
        "FALSE" => Constant::Bool(false),
        "NULL" => Constant::Null,
        "UNDEFINED" => Constant::Undefined,
        _ => return None,
    })
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// Whether a word is a keyword of other query languages, worth a message of its own.
fn is_foreign(word: &str) -> bool {
    is_one_of(word, &FOREIGN)
}

/// A piece of the query as a message shows it.
fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let mut out: String = characters.by_ref().take(SHOWN_CHARACTERS).collect();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

const TEXT_BYTES_MAX: usize = 64 * 1024;
const DEPTH_MAX: usize = 64;
const SHOWN_CHARACTERS: usize = 32;

const RESERVED: [&str; 15] = [
    "SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AND", "OR", "NOT", "IN", "NIN", "AS", "TRUE",
    "FALSE", "NULL",
];
const AGGREGATES: [&str; 5] = ["COUNT", "AVG", "SUM", "MIN", "MAX"];
/// Functions that the service knows in queries over twins. `CONTAINS`, `STARTS_WITH` and `ENDS_WITH`
/// are known in message routes only.
const FUNCTIONS: [&str; 10] = [
    "STARTSWITH",
    "ENDSWITH",
    "ARRAY_CONTAINS",
    "IS_NULL",
    "IS_BOOL",
    "IS_NUMBER",
    "IS_STRING",
    "IS_ARRAY",
    "IS_OBJECT",
    "IS_PRIMITIVE",
];
const FOREIGN: [&str; 13] = [
    "ORDER", "JOIN", "HAVING", "DISTINCT", "UNION", "LIKE", "BETWEEN", "OFFSET", "LIMIT", "CASE",
    "EXISTS", "INSERT", "DELETE",
];
