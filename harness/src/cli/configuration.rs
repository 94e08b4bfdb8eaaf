//! `hubnerite configuration`, in the words of `az iot hub configuration`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::twin::json_argument;
use super::{CliError, ToolArgs, say, say_json};
use crate::exit_code;
use crate::output::style::{FAINT, STRONG, paint};
use crate::output::table;
use crate::target::HubTarget;

/// Automatic configurations: desired properties for all twins that match a condition
#[derive(Subcommand, Debug)]
pub(super) enum ConfigurationCommand {
    Create(CreateArgs),
    Show(ShowArgs),
    List(ListArgs),
    Update(UpdateArgs),
    Delete(DeleteArgs),
    ShowMetric(ShowMetricArgs),
}

/// Make a configuration
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite configuration create fast --target-condition '*' --priority 5 \\
    --content '{\"deviceContent\": {\"properties.desired.interval\": 5}}'
  hubnerite configuration create site-a --target-condition \"tags.site='a'\" --content content.json \\
    --metrics '{\"done\": \"SELECT deviceId FROM devices WHERE properties.reported.interval = 5\"}'
  hubnerite configuration create cameras --target-condition \"from devices.modules where moduleId='camera'\" \\
    --content '{\"moduleContent\": {\"properties.desired.fps\": 25}}'")]
pub(super) struct CreateArgs {
    /// The configuration's name, lower case
    id: String,
    /// What it writes: JSON, or a file with it
    #[arg(short = 'k', long, value_name = "JSON_OR_FILE")]
    content: String,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    tool: ToolArgs,
}

/// What may change after it was made.
#[derive(Args, Debug)]
struct SettingArgs {
    /// Which twins: what follows WHERE in a query, '*' for every device; default: none
    #[arg(long, alias = "tc", value_name = "CONDITION")]
    target_condition: Option<String>,
    /// The higher wins where two configurations write the same; default: 0
    #[arg(long, alias = "pri", value_name = "NUMBER")]
    priority: Option<u32>,
    /// Labels, a JSON object of texts
    #[arg(long, alias = "lab", value_name = "JSON")]
    labels: Option<String>,
    /// Metrics: a JSON object of names and queries, or a file with it
    #[arg(long, value_name = "JSON_OR_FILE")]
    metrics: Option<String>,
}

/// Show a configuration
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite configuration show fast")]
pub(super) struct ShowArgs {
    /// The configuration's name
    id: String,
    #[command(flatten)]
    tool: ToolArgs,
}

/// List configurations, with how many twins they target and have reached
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite configuration list
  hubnerite configuration list --json | jq .systemMetrics.results")]
pub(super) struct ListArgs {
    /// At most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    top: usize,
    /// Print JSON, one configuration a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: HubTarget,
}

/// Change a configuration; what is not named stays, and the content always does
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite configuration update fast --target-condition \"tags.site='b'\"
  hubnerite configuration update fast --priority 10 --labels '{\"team\": \"pumps\"}'")]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["target_condition", "priority", "labels", "metrics"])))]
pub(super) struct UpdateArgs {
    /// The configuration's name
    id: String,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Remove a configuration; what it wrote stays
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  hubnerite configuration delete fast")]
pub(super) struct DeleteArgs {
    /// The configuration's name
    id: String,
    #[command(flatten)]
    target: HubTarget,
}

/// Run a metric's query now
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  hubnerite configuration show-metric fast --metric-id done
  hubnerite configuration show-metric fast --metric-id appliedCount --metric-type system")]
pub(super) struct ShowMetricArgs {
    /// The configuration's name
    id: String,
    /// The metric's name
    #[arg(short, long, value_name = "NAME")]
    metric_id: String,
    /// Whose metric
    #[arg(long, alias = "mt", value_enum, default_value = "user")]
    metric_type: MetricType,
    #[command(flatten)]
    tool: ToolArgs,
}

/// Whose metric it is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum MetricType {
    /// One of --metrics
    User,
    /// targetedCount or appliedCount
    System,
}

pub(super) async fn run(command: ConfigurationCommand) -> Result<u8, CliError> {
    match command {
        ConfigurationCommand::Create(args) => create(args).await,
        ConfigurationCommand::Show(args) => {
            let mut client = args.tool.target.client().await?;
            say_json(&client.configuration(&args.id).await?, args.tool.json);
            Ok(exit_code::OK)
        }
        ConfigurationCommand::List(args) => list(args).await,
        ConfigurationCommand::Update(args) => update(args).await,
        ConfigurationCommand::Delete(args) => {
            let mut client = args.target.client().await?;
            client.delete_configuration(&args.id).await?;
            Ok(exit_code::OK)
        }
        ConfigurationCommand::ShowMetric(args) => show_metric(args).await,
    }
}

async fn create(args: CreateArgs) -> Result<u8, CliError> {
    let mut content = json_object("--content", &args.content)?;
    // As az takes it: the content, or an object that has it.
    if content["content"].is_object() {
        content = content["content"].take();
    }
    let mut configuration = json!({
        "id": args.id,
        "schemaVersion": "2.0",
        "content": content,
        "targetCondition": "",
        "priority": 0,
        "metrics": {"queries": {}},
    });
    args.settings.write(&mut configuration)?;
    let mut client = args.tool.target.client().await?;
    let made = client
        .create_configuration(&args.id, &configuration)
        .await?;
    say_json(&made, args.tool.json);
    Ok(exit_code::OK)
}

async fn update(args: UpdateArgs) -> Result<u8, CliError> {
    let mut client = args.tool.target.client().await?;
    let mut configuration = client.configuration(&args.id).await?;
    args.settings.write(&mut configuration)?;
    let etag = configuration["etag"].as_str().unwrap_or("*").to_owned();
    let written = client
        .update_configuration(&args.id, &configuration, &etag)
        .await?;
    say_json(&written, args.tool.json);
    Ok(exit_code::OK)
}

impl SettingArgs {
    fn write(&self, configuration: &mut Value) -> Result<(), CliError> {
        if let Some(condition) = &self.target_condition {
            configuration["targetCondition"] = condition.as_str().into();
        }
        if let Some(priority) = self.priority {
            configuration["priority"] = priority.into();
        }
        if let Some(labels) = &self.labels {
            configuration["labels"] = json_argument("--labels", labels)?;
        }
        if let Some(metrics) = &self.metrics {
            let mut metrics = json_object("--metrics", metrics)?;
            // As az takes them: the queries, or an object that has them.
            for outer in ["metrics", "queries"] {
                if metrics[outer].is_object() {
                    metrics = metrics[outer].take();
                }
            }
            configuration["metrics"] = json!({"queries": metrics});
        }
        Ok(())
    }
}

fn json_object(flag: &str, text: &str) -> Result<Value, CliError> {
    let value = json_argument(flag, text)?;
    if value.is_object() {
        return Ok(value);
    }
    Err(CliError::usage(format!("{flag} takes a JSON object")))
}

async fn list(args: ListArgs) -> Result<u8, CliError> {
    let mut all = args.target.client().await?.configurations().await?;
    all.truncate(args.top);
    if args.json {
        for configuration in &all {
            say_json(configuration, true);
        }
    } else if all.is_empty() {
        say("no configurations; `hubnerite configuration create ID` makes one");
    } else {
        let rows: Vec<_> = all.iter().map(row).collect();
        let heading = [
            "CONFIGURATION",
            "PRIORITY",
            "TARGETED",
            "APPLIED",
            "TARGET CONDITION",
        ];
        say(table(&heading, &rows).trim_end());
    }
    Ok(exit_code::OK)
}

fn row(configuration: &Value) -> Vec<(String, String)> {
    let plain = |value: &Value| {
        let text = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (text.clone(), text)
    };
    let counts = &configuration["systemMetrics"]["results"];
    let (id, _) = plain(&configuration["id"]);
    let (condition, _) = plain(&configuration["targetCondition"]);
    vec![
        (id.clone(), paint(STRONG, &id)),
        plain(&configuration["priority"]),
        plain(&counts["targetedCount"]),
        plain(&counts["appliedCount"]),
        (condition.clone(), paint(FAINT, &condition)),
    ]
}

async fn show_metric(args: ShowMetricArgs) -> Result<u8, CliError> {
    let mut client = args.tool.target.client().await?;
    let configuration = client.configuration(&args.id).await?;
    let metrics = match args.metric_type {
        MetricType::User => &configuration["metrics"],
        MetricType::System => &configuration["systemMetrics"],
    };
    let Some(query) = metrics["queries"][&args.metric_id].as_str() else {
        let names = metrics["queries"].as_object().into_iter().flatten();
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        let words = format!("the configuration has no metric {:?}", args.metric_id);
        let remedy = match &names[..] {
            [] => "it has none; `hubnerite configuration update ID --metrics JSON` gives it some"
                .to_owned(),
            _ => format!("it has {}", names.join(", ")),
        };
        return Err(CliError::failed(words).with_remedy(remedy));
    };
    let result = client.query(query, usize::MAX).await?;
    let answer = json!({"metric": args.metric_id, "query": query, "result": result});
    say_json(&answer, args.tool.json);
    Ok(exit_code::OK)
}
