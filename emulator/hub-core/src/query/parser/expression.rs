//! Expressions, from what binds loosest to what binds tightest.

use super::cursor::{Parser, is_foreign, is_reserved, shortened};
use crate::query::ast::{Calculation, Constant, Expression, Operator};
use crate::query::constants::ConstantSet;
use crate::query::error::QueryError;
use crate::query::functions::Function;
use crate::query::lexer::TokenKind;
use crate::query::path::{Path, Step};

type Read<'a> = fn(&mut Parser<'a>) -> Result<Expression, QueryError>;

impl<'a> Parser<'a> {
    /// OR binds loosest.
    pub(super) fn expression(&mut self) -> Result<Expression, QueryError> {
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
        let inner = self.nested(Self::negation)?;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Expression, QueryError> {
        let left = self.sum()?;
        if let TokenKind::Symbol(symbol) = *self.kind()
            && let Some(operator) = operator(symbol)
        {
            self.at += 1;
            let right = Box::new(self.sum()?);
            return Ok(Expression::Compare(Box::new(left), operator, right));
        }
        let is_negated = self.is_keyword("NOT") || self.is_keyword("NIN");
        if self.take_keyword("NOT") {
            self.expect_keyword("IN")?;
        } else if !self.take_keyword("NIN") && !self.take_keyword("IN") {
            return Ok(left);
        }
        // Parentheses are a syntax error in the language, however usual they are elsewhere.
        let list = self.list()?;
        let within = match constants_of(list) {
            Ok(constants) => Expression::In(Box::new(left), constants),
            Err(list) => Expression::InList(Box::new(left), list),
        };
        Ok(if is_negated {
            Expression::Not(Box::new(within))
        } else {
            within
        })
    }

    fn sum(&mut self) -> Result<Expression, QueryError> {
        self.calculation(Self::product, |symbol| match symbol {
            "+" => Some(Calculation::Add),
            "-" => Some(Calculation::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Result<Expression, QueryError> {
        self.calculation(Self::signed, |symbol| match symbol {
            "*" => Some(Calculation::Multiply),
            "/" => Some(Calculation::Divide),
            "%" => Some(Calculation::Remainder),
            _ => None,
        })
    }

    fn calculation(
        &mut self,
        operand: Read<'a>,
        calculation: fn(&str) -> Option<Calculation>,
    ) -> Result<Expression, QueryError> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let TokenKind::Symbol(symbol) = *self.kind()
            && let Some(calculation) = calculation(symbol)
        {
            self.at += 1;
            rest.push((calculation, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Arithmetic(Box::new(first), rest))
    }

    fn signed(&mut self) -> Result<Expression, QueryError> {
        let is_minus = self.is_symbol("-");
        if !self.take_symbol("-") && !self.take_symbol("+") {
            return self.primary();
        }
        Ok(match self.nested(Self::signed)? {
            Expression::Constant(Constant::Number(number)) => {
                let number = if is_minus { -number } else { number };
                Expression::Constant(Constant::Number(number))
            }
            inner => Expression::Sign(is_minus, Box::new(inner)),
        })
    }

    fn primary(&mut self) -> Result<Expression, QueryError> {
        let constant = match self.kind().clone() {
            TokenKind::Number(value) => Constant::Number(value),
            TokenKind::Text(value) => Constant::Text(value),
            TokenKind::Word(word) => match constant(word) {
                Some(constant) => constant,
                // No attribute is named like a keyword, of this language or of another.
                None if is_reserved(word) || is_foreign(word) => {
                    return Err(self.expected("a value"));
                }
                None if self.is_before("(") => return self.call(word),
                None => return self.path().map(Expression::Path),
            },
            TokenKind::Bracketed(_) => return self.path().map(Expression::Path),
            TokenKind::Symbol("(") => {
                self.at += 1;
                let inner = self.nested(Self::expression)?;
                self.expect_symbol(")")?;
                return Ok(inner);
            }
            TokenKind::Symbol("[") => return self.list().map(Expression::List),
            TokenKind::Symbol(_) | TokenKind::End => return Err(self.expected("a value")),
        };
        self.at += 1;
        Ok(Expression::Constant(constant))
    }

    fn list(&mut self) -> Result<Vec<Expression>, QueryError> {
        self.expect_symbol("[")?;
        let mut elements = Vec::new();
        if self.take_symbol("]") {
            return Ok(elements);
        }
        loop {
            elements.push(self.nested(Self::expression)?);
            if self.take_symbol("]") {
                return Ok(elements);
            }
            if !self.take_symbol(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    /// A function and its arguments.
    fn call(&mut self, name: &str) -> Result<Expression, QueryError> {
        if name.eq_ignore_ascii_case("IS_DEFINED") {
            self.at += 2;
            let path = self.path()?;
            self.expect_symbol(")")?;
            return Ok(Expression::IsDefined(path));
        }
        let Some((function, least, most)) = Function::named(name) else {
            return Err(self.error(&unknown_function(name)));
        };
        let start = self.token().start;
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.take_symbol(")") {
            arguments.push(self.nested(Self::expression)?);
            while self.take_symbol(",") {
                arguments.push(self.nested(Self::expression)?);
            }
            if !self.take_symbol(")") {
                return Err(self.expected("',' or ')'"));
            }
        }
        if !(least..=most).contains(&arguments.len()) {
            let name = name.to_ascii_uppercase();
            let takes = match (least, most) {
                (1, 1) => "1 argument".to_owned(),
                (least, most) if least == most => format!("{least} arguments"),
                (least, most) => format!("{least} to {most} arguments"),
            };
            let what = format!("{name} takes {takes}, not {},", arguments.len());
            return Err(self.error_at(start, &what));
        }
        Ok(Expression::Call(function, arguments))
    }

    pub(super) fn path(&mut self) -> Result<Path, QueryError> {
        let start = self.token().start;
        let mut steps = vec![self.path_part("a path")?];
        loop {
            if self.take_symbol(".") {
                steps.push(self.path_part("a name")?);
            } else if self.take_symbol("[") {
                let Ok(index) = self.slice().parse() else {
                    return Err(self.expected("an index"));
                };
                self.at += 1;
                self.expect_symbol("]")?;
                steps.push(Step::Index(index));
            } else {
                break;
            }
        }
        let path = Path::resolve(steps);
        if self.scope.allows(path.root) {
            Ok(path)
        } else {
            Err(self.error_at(start, self.scope.complaint()))
        }
    }

    /// A name in a path; a keyword must stand in double brackets.
    fn path_part(&mut self, what: &str) -> Result<Step, QueryError> {
        let name = match *self.kind() {
            TokenKind::Bracketed(name) => name,
            TokenKind::Word(word) if !is_reserved(word) => word,
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
}

fn unknown_function(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    if let Some(instead) = Function::instead_of(name) {
        return format!("{upper} is for message routes only (a query has {instead}),");
    }
    if matches!(&*upper, "COUNT" | "AVG" | "SUM" | "MIN" | "MAX") {
        return format!("{upper} is an aggregate, which only SELECT can ask for,");
    }
    format!("unknown function {}", shortened(name))
}

/// The constants of a list, if it has nothing else; the list, if it has.
fn constants_of(list: Vec<Expression>) -> Result<ConstantSet, Vec<Expression>> {
    let is_constant = |expression: &Expression| matches!(expression, Expression::Constant(_));
    if !list.iter().all(is_constant) {
        return Err(list);
    }
    let constants = list.into_iter().filter_map(|expression| match expression {
        Expression::Constant(constant) => Some(constant),
        _ => None,
    });
    Ok(constants.collect())
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
