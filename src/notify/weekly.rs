//! The weekly report: what was spent, what will be, what to do, what changed.

use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Currency, Period, show_amount};
use rust_decimal::Decimal;

use crate::message::CHART_WIDTH;
use crate::{Chart, Mail, NotifyError};

/// Everything in a weekly report. Amounts are effective cost, from the same queries as the pages.
#[derive(Debug, Clone, PartialEq)]
pub struct WeeklyReport {
    /// Organization's name.
    pub organization: String,
    /// The week, half open.
    pub week: Period,
    /// Data is complete until here.
    pub data_until: DateTime<Utc>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The same view in the dashboard.
    pub link: String,
    /// Cost of the week.
    pub cost: Decimal,
    /// Cost of the week before.
    pub previous_cost: Decimal,
    /// Month to date.
    pub month_to_date: Decimal,
    /// What months and years will come to; empty where there is no forecast yet.
    pub outlooks: Vec<Outlook>,
    /// Budgets by name.
    pub budgets: Vec<Budget>,
    /// Cost by team, largest first; their sum is `cost`.
    pub teams: Vec<Row>,
    /// Cost by service, largest first.
    pub services: Vec<Row>,
    /// Monthly saving of the plan's open recommendations.
    pub open_savings: Decimal,
    /// Number of open recommendations.
    pub open_recommendations: usize,
    /// The largest of them.
    pub recommendations: Vec<Advice>,
    /// Coming events.
    pub events: Vec<String>,
    /// What is new since the last report: anomalies, new recommendations, finished ones.
    pub changes: Vec<String>,
}

/// What a period will come to: what is in the ledger and the forecast of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The period, `November 2026`.
    pub period: String,
    /// P10.
    pub p10: Decimal,
    /// P50.
    pub p50: Decimal,
    /// P90.
    pub p90: Decimal,
}

/// A budget in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// What may be spent in the period.
    pub amount: Decimal,
    /// How likely it breaks, in words; `None` where the forecast does not reach the end of the period.
    pub chance: Option<String>,
    /// First day on which more is spent: seen, or as likely as not.
    pub breaks_on: Option<NaiveDate>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Its page.
    pub link: String,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Team or service.
    pub name: String,
    /// Cost of the week.
    pub cost: Decimal,
    /// Cost of the week before.
    pub previous_cost: Decimal,
}

/// One recommendation in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Its sentence.
    pub summary: String,
    /// Owning team.
    pub team: Option<String>,
    /// Expected monthly saving.
    pub monthly_savings: Decimal,
    /// Its page.
    pub link: String,
}

#[derive(Template)]
#[template(path = "mail/weekly/body.txt", escape = "none")]
struct Text<'a> {
    report: &'a WeeklyReport,
}

#[derive(Template)]
#[template(path = "mail/weekly/body.html")]
struct Html<'a> {
    report: &'a WeeklyReport,
    charts: &'a [Chart],
}

impl WeeklyReport {
    /// Renders the mail with its charts.
    pub fn mail(&self, charts: Vec<Chart>) -> Result<Mail, NotifyError> {
        let failed = |error: askama::Error| NotifyError::Message(error.to_string());
        let text = Text { report: self }.render().map_err(failed)?;
        let html = Html { report: self, charts: &charts }.render().map_err(failed)?;
        Ok(Mail {
            subject: self.subject(),
            text,
            html,
            charts,
            attachment: Some((self.csv_name(), self.csv())),
        })
    }

    fn subject(&self) -> String {
        format!(
            "{}: {} {} in the week to {} ({})",
            self.organization,
            self.show(&self.cost),
            self.currency,
            self.last_day(),
            self.change()
        )
    }

    fn show(&self, amount: &Decimal) -> String {
        show_amount(*amount)
    }

    fn show_between(&self, outlook: &Outlook) -> String {
        format!("{} and {}", show_amount(outlook.p10), show_amount(outlook.p90))
    }

    fn first_day(&self) -> String {
        self.week.start.format("%-d %b %Y").to_string()
    }

    fn last_day(&self) -> String {
        (self.week.end - chrono::TimeDelta::seconds(1)).format("%-d %b %Y").to_string()
    }

    fn change(&self) -> String {
        change(self.cost, self.previous_cost)
    }

    fn csv_name(&self) -> String {
        format!("headroom-week-{}.csv", self.week.start.format("%Y-%m-%d"))
    }

    fn csv(&self) -> String {
        let mut csv = String::from("dimension,name,cost,previous_cost,currency\n");
        let mut row = |dimension: &str, row: &Row| {
            csv.push_str(&format!(
                "{dimension},{},{},{},{}\n",
                quoted(&row.name),
                row.cost,
                row.previous_cost,
                self.currency
            ));
        };
        self.teams.iter().for_each(|team| row("team", team));
        self.services.iter().for_each(|service| row("service", service));
        row("total", &Row { name: "total".to_owned(), cost: self.cost, previous_cost: self.previous_cost });
        csv
    }
}

impl Budget {
    /// How it stands, in words.
    fn verdict(&self) -> String {
        let day = self.breaks_on.map(|day| format!(", on {}", day.format("%-d %b %Y"))).unwrap_or_default();
        match &self.chance {
            Some(chance) if chance == "broken" => format!("{chance}{day}"),
            Some(chance) => format!("{chance} likely to break{day}"),
            None => match self.breaks_on {
                Some(_) => format!("expected to break{day}"),
                None => "not expected to break as far as the forecast reaches".to_owned(),
            },
        }
    }

    /// Who has to look at it: `, owner finance@example.com`.
    fn owned(&self) -> String {
        self.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default()
    }
}

impl Row {
    fn change(&self) -> String {
        change(self.cost, self.previous_cost)
    }
}

fn change(now: Decimal, before: Decimal) -> String {
    if before <= Decimal::ZERO {
        return "new".to_owned();
    }
    let mut percent = ((now - before) / before * Decimal::ONE_HUNDRED).round_dp(1);
    percent.rescale(1);
    let sign = if percent > Decimal::ZERO { "+" } else { "" };
    format!("{sign}{percent} %").replace('-', "−")
}

/// A CSV text cell: quoted, and never read as a formula by a spreadsheet.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> WeeklyReport {
        let row = |name: &str, cost, previous| Row {
            name: name.to_owned(),
            cost: Decimal::new(cost, 2),
            previous_cost: Decimal::new(previous, 2),
        };
        WeeklyReport {
            organization: "Example & Sons".to_owned(),
            week: Period::days_before("2026-10-26T00:00:00Z".parse().unwrap(), 7),
            data_until: "2026-10-26T00:00:00Z".parse().unwrap(),
            currency: Currency::USD,
            link: "https://headroom.example.org/costs?from=2026-10-19".to_owned(),
            cost: Decimal::new(1_234_567, 2),
            previous_cost: Decimal::new(1_200_000, 2),
            month_to_date: Decimal::new(4_000_000, 2),
            outlooks: vec![Outlook {
                period: "October 2026".to_owned(),
                p10: Decimal::new(50_000, 0),
                p50: Decimal::new(52_000, 0),
                p90: Decimal::new(55_000, 0),
            }],
            budgets: vec![Budget {
                name: "Everything".to_owned(),
                amount: Decimal::new(51_000, 0),
                chance: Some("72 %".to_owned()),
                breaks_on: "2026-10-30".parse().ok(),
                owner: Some("finance@example.org".to_owned()),
                link: "https://headroom.example.org/budgets/1".to_owned(),
            }],
            teams: vec![row("web <shop>", 1_000_000, 1_000_000), row("=cmd()", 234_567, 200_000)],
            services: vec![row("Amazon EC2", 1_234_567, 1_200_000)],
            open_savings: Decimal::new(98_765, 2),
            open_recommendations: 3,
            recommendations: vec![Advice {
                summary: "Delete the idle machine i-1".to_owned(),
                team: None,
                monthly_savings: Decimal::new(7008, 2),
                link: "https://headroom.example.org/recommendations/1".to_owned(),
            }],
            events: vec!["Black Friday, 27 Nov, 10 × demand".to_owned()],
            changes: Vec::new(),
        }
    }

    #[test]
    fn text_and_html_say_the_same_total() {
        let mail = report().mail(Vec::new()).unwrap();
        assert_eq!(mail.subject, "Example & Sons: 12,345.67 USD in the week to 25 Oct 2026 (+2.9 %)");
        for part in [&mail.text, &mail.html] {
            for figure in [
                "12,345.67",
                "12,000.00",
                "40,000.00",
                "52,000.00",
                "51,000.00",
                "72 % likely to break, on 30 Oct 2026, owner finance@example.org",
                "10,000.00",
                "2,345.67",
                "987.65",
                "70.08",
            ] {
                assert!(part.contains(figure), "{figure} is missing in\n{part}");
            }
        }
        assert!(
            mail.html.contains("web &#60;shop&#62;") || mail.html.contains("web &lt;shop&gt;"),
            "{}",
            mail.html
        );
        assert!(mail.text.contains("web <shop>"));
    }

    #[test]
    fn a_budget_says_how_it_stands() {
        let budget = report().budgets.remove(0);
        let broken = Budget { chance: Some("broken".to_owned()), ..budget.clone() };
        assert_eq!(broken.verdict(), "broken, on 30 Oct 2026");
        let far = Budget { chance: None, breaks_on: None, ..budget };
        assert_eq!(far.verdict(), "not expected to break as far as the forecast reaches");
    }

    #[test]
    fn csv_sums_to_the_total_and_holds_no_formula() {
        let csv = report().csv();
        assert!(csv.contains("team,\"'=cmd()\",2345.67,2000.00,USD"), "{csv}");
        assert!(csv.ends_with("total,\"total\",12345.67,12000.00,USD\n"), "{csv}");
    }

    #[test]
    fn a_cost_that_was_zero_before_is_new() {
        assert_eq!(change(Decimal::ONE, Decimal::ZERO), "new");
        assert_eq!(change(Decimal::new(9, 1), Decimal::ONE), "−10.0 %");
        assert_eq!(change(Decimal::ONE, Decimal::ONE), "0.0 %");
    }
}
