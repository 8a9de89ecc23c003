//! Databases: statements and commands by which they lose data.

use super::Command;
use crate::Kind;
use crate::shell::{Feed, Shell};

const WHY_SCHEMA: &str = "It drops a database, a table or a schema with all that is in it.";
const WHY_ROWS: &str = "It changes or deletes every row of a table.";
const WHY_RESET: &str = "It empties the database.";

/// Programs that take statements.
const CLIENTS: [&str; 24] = [
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "sqlite",
    "cockroach",
    "cqlsh",
    "clickhouse-client",
    "clickhouse",
    "duckdb",
    "sqlcmd",
    "sqlplus",
    "bq",
    "usql",
    "pgcli",
    "mycli",
    "litecli",
    "snowsql",
    "trino",
    "presto",
    "spark-sql",
    "hive",
    "beeline",
    "turso",
];
/// What a client for documents must not be told.
const DOCUMENTS: [&str; 7] =
    ["dropdatabase(", ".drop(", "deletemany({})", "remove({})", ".dropindexes(", "db.dropuser", "deletemany( {} )"];

/// A program and what it must not be told first.
const COMMANDS: [(&str, &[&str]); 38] = [
    ("dropdb", &[]),
    ("dropuser", &[]),
    ("pg_dropcluster", &[]),
    ("alembic", &["downgrade", "base"]),
    ("flask", &["db", "downgrade", "base"]),
    ("prisma", &["migrate", "reset"]),
    ("mix", &["ecto.drop"]),
    ("mix", &["ecto.reset"]),
    ("mix", &["ecto.rollback", "--all"]),
    ("diesel", &["database", "reset"]),
    ("diesel", &["database", "drop"]),
    ("sqlx", &["database", "drop"]),
    ("sqlx", &["database", "reset"]),
    ("sea-orm-cli", &["migrate", "fresh"]),
    ("sea-orm-cli", &["migrate", "reset"]),
    ("flyway", &["clean"]),
    ("liquibase", &["dropAll"]),
    ("liquibase", &["drop-all"]),
    ("supabase", &["db", "reset"]),
    ("sequelize", &["db:drop"]),
    ("sequelize-cli", &["db:drop"]),
    ("sequelize", &["db:migrate:undo:all"]),
    ("sequelize-cli", &["db:migrate:undo:all"]),
    ("typeorm", &["schema:drop"]),
    ("mikro-orm", &["schema:drop"]),
    ("mikro-orm", &["schema:fresh"]),
    ("influx", &["delete"]),
    ("influx", &["bucket", "delete"]),
    ("goose", &["reset"]),
    ("dbmate", &["drop"]),
    ("migrate", &["drop"]),
    ("etcdctl", &["del"]),
    ("consul", &["kv", "delete"]),
    ("drizzle-kit", &["drop"]),
    ("mongorestore", &["--drop"]),
    ("convex", &["data", "clear"]),
    ("hasura", &["migrate", "delete"]),
    ("atlas", &["schema", "clean"]),
];

/// Judges what a database is told.
pub(super) fn judge(shell: &mut Shell<'_>, command: &Command<'_>) {
    let plain = command.plain();
    if COMMANDS
        .iter()
        .any(|(program, words)| *program == command.program && (command.begins(words) || is_said(command, words)))
    {
        return shell.report(Kind::Database, command.argv, WHY_RESET);
    }
    let told = match command.stdin {
        Feed::Text(text) => text.as_str(),
        _ => "",
    };
    if matches!(command.program, "rails" | "rake" | "manage.py" | "artisan" | "php")
        || command.program.starts_with("python")
    {
        let words = command.args().join(" ") + told;
        let all = ["delete_all", "destroy_all", ".objects.all().delete()", "drop_table", "truncate()", "_raw_delete"];
        if all.iter().any(|word| words.contains(word))
            && plain.iter().any(|word| matches!(*word, "runner" | "shell" | "console" | "tinker" | "shell_plus" | "r"))
        {
            shell.report(Kind::Database, command.argv, WHY_ROWS);
        }
    }
    let why = match command.program {
        "redis-cli" | "valkey-cli" | "keydb-cli" => {
            let words = command.args().join(" ").to_lowercase() + " " + &told.to_lowercase();
            (words.contains("flushall") || words.contains("flushdb")).then_some(WHY_RESET)
        }
        "mongo" | "mongosh" => {
            let words = (command.args().join(" ") + told).to_lowercase();
            DOCUMENTS.iter().any(|word| words.contains(word)).then_some(WHY_RESET)
        }
        "prisma" if command.begins(&["db", "execute"]) => lost(told),
        "mysqladmin" if plain.contains(&"drop") => Some(WHY_SCHEMA),
        "rails" | "rake" | "hanami" => plain.iter().any(|task| is_rails_reset(task)).then_some(WHY_RESET),
        "artisan" => artisan(&plain),
        "php" if plain.first().is_some_and(|word| word.ends_with("artisan")) => artisan(&plain[1..]),
        name if name.starts_with("python") && plain.first().is_some_and(|word| word.ends_with("manage.py")) => {
            django(&plain[1..])
        }
        "manage.py" | "django-admin" => django(&plain),
        "prisma" if command.begins(&["db", "push"]) && command.has(&["--force-reset", "--accept-data-loss"]) => {
            Some(WHY_RESET)
        }
        "knex" if plain.contains(&"migrate:rollback") && command.has(&["--all"]) => Some(WHY_RESET),
        name if CLIENTS.contains(&name) => statements(command, told),
        _ => None,
    };
    if let Some(why) = why {
        shell.report(Kind::Database, command.argv, why);
    }
}

fn is_said(command: &Command<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| word.starts_with("--"))
        && words.iter().all(|word| command.args().iter().any(|arg| arg == word))
}

fn is_rails_reset(task: &str) -> bool {
    matches!(
        task.split('[').next().unwrap_or_default(),
        "db:drop"
            | "db:reset"
            | "db:drop:all"
            | "db:purge"
            | "db:truncate_all"
            | "db:migrate:reset"
            | "db:schema:load"
            | "db:drop:_unsafe"
    )
}

fn artisan(plain: &[&str]) -> Option<&'static str> {
    let first = plain.first()?;
    matches!(*first, "migrate:fresh" | "migrate:reset" | "migrate:refresh" | "db:wipe").then_some(WHY_RESET)
}

fn django(plain: &[&str]) -> Option<&'static str> {
    let is_reset = matches!(plain, ["flush" | "reset_db" | "sqlflush" | "clean_db", ..])
        || matches!(plain, ["migrate", _, "zero"]);
    is_reset.then_some(WHY_RESET)
}

fn statements(command: &Command<'_>, told: &str) -> Option<&'static str> {
    // A database in memory is gone in any case.
    if command.args().iter().any(|word| word == ":memory:") {
        return None;
    }
    let mut texts: Vec<&str> =
        command.args().iter().map(String::as_str).filter(|word| word.contains(' ') || word.contains('/')).collect();
    texts.push(told);
    texts.into_iter().find_map(lost)
}

/// Why statements lose data.
pub(super) fn lost(sql: &str) -> Option<&'static str> {
    without_comments(sql).split(';').find_map(lost_by)
}

fn lost_by(statement: &str) -> Option<&'static str> {
    let small = without_strings(statement).to_lowercase();
    let words: Vec<&str> = small
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\''))
        .filter(|word| !word.is_empty())
        .collect();
    let at = |n: usize| words.get(n).copied().unwrap_or_default();
    // The client may say something before it: `\c app`, `use app`.
    for begin in 0..words.len() {
        match words[begin] {
            "drop"
                if matches!(
                    at(begin + 1),
                    "table"
                        | "database"
                        | "schema"
                        | "keyspace"
                        | "view"
                        | "materialized"
                        | "collection"
                        | "index"
                        | "owned"
                        | "role"
                        | "user"
                        | "type"
                        | "tablespace"
                        | "column"
                ) && begin + 2 < words.len() =>
            {
                return (!matches!(at(begin + 1), "index" | "view" | "type")).then_some(WHY_SCHEMA);
            }
            "truncate" if begin + 1 < words.len() && begin == 0 => return Some(WHY_ROWS),
            "delete" if at(begin + 1) == "from" && !words.contains(&"where") && begin == 0 => return Some(WHY_ROWS),
            "update" if begin == 0 && words.contains(&"set") && !words.contains(&"where") => return Some(WHY_ROWS),
            _ => {}
        }
    }
    None
}

/// What stands between single quotes is data.
fn without_strings(sql: &str) -> String {
    let parts: Vec<&str> = sql.split('\'').collect();
    // A quote that is not closed is none.
    if parts.len().is_multiple_of(2) {
        return sql.to_owned();
    }
    parts.into_iter().step_by(2).collect::<Vec<_>>().join("x")
}

fn without_comments(sql: &str) -> String {
    let mut plain = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find("/*") {
        plain.push_str(&rest[..at]);
        plain.push(' ');
        rest = rest[at..].find("*/").map_or("", |end| &rest[at + end + 2..]);
    }
    plain.push_str(rest);
    plain.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_lose_data_are_told_from_those_that_do_not() {
        for sql in
            ["drop table x", "SELECT 1; DROP/**/DATABASE a;", "delete from x", "TRUNCATE x", "update a set b = 1"]
        {
            assert!(lost(sql).is_some(), "{sql}");
        }
        for sql in [
            "delete from x where id = 1",
            "select 'x'",
            "update a set b = 1 where c",
            "drop index i",
            "-- drop table x",
        ] {
            assert!(lost(sql).is_none(), "{sql}");
        }
    }
}
