//! What is not in the language: what is said of it, and where.

use hub_core::query::{Condition, ConditionKind, Query};

/// A query (`\n` is a line break) and what is said of it.
const SYNTAX_ERRORS: &str = r"
*                                       ## unexpected '*', expected SELECT, at 1:1
SELECT FROM devices                     ## unexpected 'FROM', expected '*' or what to select, at 1:8
SELECT *                                ## unexpected end of the query, expected FROM, at 1:9
SELECT *, deviceId FROM devices         ## unexpected ',', expected FROM, at 1:9
SELECT deviceId, FROM devices           ## unexpected 'FROM', expected a value, at 1:18
SELECT deviceId AS FROM devices         ## unexpected 'FROM', expected a name, at 1:20
SELECT deviceId a b FROM devices        ## unexpected 'b', expected ',' or FROM, at 1:19
SELECT deviceId 'a' FROM devices        ## unexpected ''a'', expected FROM, at 1:17
SELECT TOP * FROM devices               ## unexpected '*', expected a whole number, at 1:12
SELECT TOP 1.5 * FROM devices           ## unexpected '1.5', expected a whole number, at 1:12
SELECT TOP -1 * FROM devices            ## unexpected '-', expected a whole number, at 1:12
SELECT DISTINCT status FROM devices     ## DISTINCT is not in the query language at 1:8
SELECT status CASE FROM devices         ## CASE is not in the query language at 1:15
SELECT * FROM enrollments               ## unexpected 'enrollments', expected devices, devices.modules or devices.jobs, at 1:15
SELECT * FROM devices.twins             ## unexpected 'twins', expected modules or jobs, at 1:23
SELECT * FROM devices d                 ## unexpected 'd', expected WHERE, GROUP BY or the end, at 1:23
SELECT * FROM devices\nWHERE            ## unexpected end of the query, expected a value, at 2:6
SELECT * FROM devices WHERE a =         ## unexpected end of the query, expected a value, at 1:32
SELECT * FROM devices WHERE a = 1 = 2   ## unexpected '=', expected AND, OR, GROUP BY or the end, at 1:35
SELECT * FROM devices WHERE (a = 1      ## unexpected end of the query, expected ')', at 1:35
SELECT * FROM devices WHERE a IN ('x')  ## unexpected '(', expected '[', at 1:34
SELECT * FROM devices WHERE a IN ['x'   ## unexpected end of the query, expected ',' or ']', at 1:38
SELECT * FROM devices WHERE a NOT 'x'   ## unexpected ''x'', expected IN, at 1:35
SELECT * FROM devices WHERE a = NOT b   ## unexpected 'NOT', expected a value, at 1:33
SELECT * FROM devices WHERE 1 +         ## unexpected end of the query, expected a value, at 1:32
SELECT * FROM devices WHERE tags.group  ## unexpected 'group', expected a name (write [[group]] for the keyword), at 1:34
SELECT * FROM devices WHERE tags['x']   ## unexpected ''x'', expected an index, at 1:34
SELECT * FROM devices WHERE tags[-1]    ## unexpected '-', expected an index, at 1:34
SELECT * FROM devices WHERE tags.[[x    ## '[[' without ']]' at 1:34
SELECT * FROM devices WHERE a = 'it's'  ## string without end at 1:38
SELECT * FROM devices WHERE a = b || c  ## unexpected '||', expected AND, OR, GROUP BY or the end, at 1:35
SELECT * FROM devices WHERE a = 1a      ## malformed number at 1:33
SELECT * FROM devices WHERE {a}         ## unexpected '{' at 1:29
SELECT * FROM devices /* x              ## comment without end at 1:23
SELECT * FROM devices WHERE CONTAINS(tags.a, 'x') ## CONTAINS is for message routes only (a query has STARTSWITH, ENDSWITH or ARRAY_CONTAINS), at 1:29
SELECT * FROM devices WHERE starts_with(id, 'x')  ## STARTS_WITH is for message routes only (a query has STARTSWITH), at 1:29
SELECT * FROM devices WHERE Ends_With(id, 'x')    ## ENDS_WITH is for message routes only (a query has ENDSWITH), at 1:29
SELECT * FROM devices WHERE nosuch(a)   ## unknown function nosuch at 1:29
SELECT * FROM devices WHERE COUNT() > 1 ## COUNT is an aggregate, which only SELECT can ask for, at 1:29
SELECT * FROM devices WHERE is_defined('x') ## unexpected ''x'', expected a path, at 1:40
SELECT * FROM devices WHERE is_null()   ## IS_NULL takes 1 argument, not 0, at 1:29
SELECT * FROM devices WHERE STARTSWITH(id)     ## STARTSWITH takes 2 arguments, not 1, at 1:29
SELECT * FROM devices WHERE substring(id)      ## SUBSTRING takes 2 to 3 arguments, not 1, at 1:29
SELECT * FROM devices WHERE STARTSWITH(id 'x') ## unexpected ''x'', expected ',' or ')', at 1:43
SELECT * FROM devices ORDER BY deviceId ## ORDER is not in the query language at 1:23
SELECT * FROM devices WHERE a LIKE 'x'  ## LIKE is not in the query language at 1:31
SELECT * FROM devices JOIN x            ## JOIN is not in the query language at 1:23
SELECT status FROM devices GROUP BY status HAVING 1 = 1 ## HAVING is not in the query language at 1:44
SELECT * FROM devices; SELECT           ## unexpected 'SELECT', expected WHERE, GROUP BY or the end, at 1:24
SELECT COUNT(*) FROM devices            ## unexpected '*', expected ')': COUNT takes nothing, at 1:14
SELECT COUNT(1) FROM devices            ## unexpected '1', expected ')': COUNT takes nothing, at 1:14
SELECT AVG() FROM devices               ## unexpected ')', expected a path, at 1:12
SELECT AVG(1) FROM devices              ## unexpected '1', expected a path, at 1:12
SELECT AVG(tags.a) + 1 FROM devices     ## unexpected '+', expected FROM, at 1:20
SELECT COUNT(), deviceId FROM devices   ## only aggregates and what is grouped by can be selected here, at 1:17
SELECT status, tags.a FROM devices GROUP BY status ## only aggregates and what is grouped by can be selected here, at 1:16
SELECT 1 FROM devices GROUP BY status   ## only aggregates and what is grouped by can be selected here, at 1:8
SELECT * FROM devices GROUP BY status   ## SELECT * has no groups: GROUP BY at 1:23
SELECT status FROM devices GROUP status ## unexpected 'status', expected BY, at 1:34
SELECT status FROM devices GROUP BY     ## unexpected end of the query, expected a path, at 1:36
SELECT status FROM devices GROUP BY status WHERE 1 = 1 ## unexpected 'WHERE', expected ',' or the end, at 1:44
SELECT jobId FROM devices.jobs          ## devices.jobs can only be selected whole, with SELECT *, at 1:8
SELECT COUNT() FROM devices.jobs        ## devices.jobs can only be selected whole, with SELECT *, at 1:8
SELECT * FROM devices.jobs WHERE tags.a = 1 ## a condition on devices.jobs cannot be about the device twin, at 1:34
SELECT * FROM devices.jobs GROUP BY jobId ## SELECT * has no groups: GROUP BY at 1:28
";

#[test]
fn a_syntax_error_names_what_was_found_where_and_what_was_expected() {
    // Q-2
    for line in SYNTAX_ERRORS.trim().lines() {
        let (text, expected) = line.split_once("##").unwrap();
        let text = text.trim().replace("\\n", "\n");
        let error = Query::parse(&text).unwrap_err();
        assert_eq!(error.to_string(), expected.trim(), "{text}");
    }
    let error = Query::parse("").unwrap_err().to_string();
    assert_eq!(
        error,
        "unexpected end of the query, expected SELECT, at 1:1"
    );
}

#[test]
fn length_and_nesting_are_bounded() {
    let nested = |open: &str, close: &str, levels: usize| {
        let condition = format!("{}true{}", open.repeat(levels), close.repeat(levels));
        Query::parse(&format!("SELECT * FROM devices WHERE {condition}"))
    };
    assert!(nested("(", ")", 64).is_ok());
    assert!(nested("(", ")", 65).is_err());
    assert!(nested("NOT ", "", 64).is_ok());
    assert!(nested("NOT ", "", 10_000).is_err());
    assert!(nested("-", "", 65).is_err() && nested("[", "]", 65).is_err());
    assert!(nested("is_null(", ")", 64).is_ok());
    assert!(nested("is_null(", ")", 65).is_err());
    // Chains are flat: long is not deep.
    assert!(nested("true OR ", "", 7_000).is_ok());
    assert!(nested("1 + ", "", 10_000).is_ok());
    assert!(nested("1 * ", "", 10_000).is_ok());
    let error = nested(" ", "", 64 * 1024).unwrap_err().to_string();
    assert_eq!(error, "65568 bytes where at most 65536 are allowed at 1:1");
}

/// A condition and what is said of it: first the job's, then the configuration's.
const REFUSED_CONDITIONS: &str = r"
                                                 ## unexpected end of the query, expected a value, at 1:1 ##
SELECT * FROM devices                            ## unexpected 'SELECT', expected a value, at 1:1 ## unexpected 'SELECT', expected a value, at 1:1
status = 'enabled'                               ## ## a condition here is about deviceId, tags or properties.reported, at 1:1
tags.a = 1 AND properties.desired.a = 1          ## ## a condition here is about deviceId, tags or properties.reported, at 1:16
from devices where tags.a = 1                    ## unexpected 'from', expected a value, at 1:1 ## unexpected 'devices', expected devices.modules, at 1:6
from devices.modules                             ## unexpected 'from', expected a value, at 1:1 ## unexpected end of the query, expected WHERE, at 1:21
from devices.modules where *                     ## unexpected 'from', expected a value, at 1:1 ## unexpected '*', expected a value, at 1:28
from devices.modules where status = 'x'          ## unexpected 'from', expected a value, at 1:1 ## a condition here is about deviceId, moduleId, tags or properties.reported, at 1:28
tags.a = 1;                                      ## unexpected ';', expected AND, OR or the end, at 1:11 ## unexpected ';', expected AND, OR or the end, at 1:11
";

#[test]
fn a_refused_condition_says_what_and_where() {
    // Q-4
    for line in REFUSED_CONDITIONS.trim_matches('\n').lines() {
        let parts: Vec<&str> = line.split("##").map(str::trim).collect();
        let refusal = |kind| match Condition::parse(parts[0], kind) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(refusal(ConditionKind::Job), parts[1], "{}", parts[0]);
        assert_eq!(
            refusal(ConditionKind::Configuration),
            parts[2],
            "{}",
            parts[0]
        );
    }
}
