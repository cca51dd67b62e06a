//! One mail: text first, HTML beside it with its charts inside, the figures as a CSV attachment.

use lettre::Message;
use lettre::message::header::{ContentDisposition, ContentId, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};

use crate::NotifyError;

/// Mail programs show inline pictures of at most this width well, in CSS pixels.
pub(crate) const CHART_WIDTH: u32 = 600;

/// A picture inside the HTML part.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Name without blanks, also its content id.
    pub name: String,
    /// What it shows, for readers who do not see it.
    pub alt: String,
    /// PNG, drawn at twice the shown width.
    pub png: Vec<u8>,
}

/// A rendered mail, not yet addressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Subject line.
    pub subject: String,
    /// Plain text part, complete in itself.
    pub text: String,
    /// HTML part; shows each chart by `cid:NAME`.
    pub html: String,
    /// The charts.
    pub charts: Vec<Chart>,
    /// Attached file: name and content (CSV).
    pub attachment: Option<(String, String)>,
}

/// Who gets a mail, from whom, and how to end that.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Sender, `Headroom <headroom@example.org>`.
    pub from: String,
    /// Recipient.
    pub to: String,
    /// Stable over retries: names the subscription and the period, without blanks or `@`.
    pub key: String,
    /// Address that ends the subscription with one POST (RFC 8058); `None` for a test send.
    pub unsubscribe_url: Option<String>,
}

impl Mail {
    /// The message for one recipient.
    pub fn message(&self, subscription: &Subscription) -> Result<Message, NotifyError> {
        let from = mailbox(&subscription.from)?;
        let message_id = format!("<{}@{}>", subscription.key, from.email.domain());
        let mut builder = Message::builder()
            .from(from)
            .to(mailbox(&subscription.to)?)
            .subject(self.subject.clone())
            .message_id(Some(message_id));
        if let Some(url) = &subscription.unsubscribe_url {
            builder = builder.header(ListUnsubscribe(format!("<{url}>"))).header(ListUnsubscribePost);
        }
        builder.multipart(self.body()).map_err(|error| NotifyError::Message(error.to_string()))
    }

    fn body(&self) -> MultiPart {
        let mut html = MultiPart::related().singlepart(SinglePart::html(self.html.clone()));
        for chart in &self.charts {
            let part = SinglePart::builder()
                .header(png())
                .header(ContentDisposition::inline_with_name(&format!("{}.png", chart.name)))
                .header(ContentId::from(format!("<{}>", chart.name)))
                .body(Body::new(chart.png.clone()));
            html = html.singlepart(part);
        }
        let alternative =
            MultiPart::alternative().singlepart(SinglePart::plain(self.text.clone())).multipart(html);
        match &self.attachment {
            None => alternative,
            Some((name, content)) => MultiPart::mixed()
                .multipart(alternative)
                .singlepart(Attachment::new(name.clone()).body(content.clone(), csv())),
        }
    }
}

fn mailbox(address: &str) -> Result<Mailbox, NotifyError> {
    address.parse().map_err(|source| NotifyError::Address { address: address.to_owned(), source })
}

fn png() -> ContentType {
    ContentType::parse("image/png").unwrap_or(ContentType::TEXT_PLAIN)
}

fn csv() -> ContentType {
    ContentType::parse("text/csv; charset=utf-8").unwrap_or(ContentType::TEXT_PLAIN)
}

/// `List-Unsubscribe` (RFC 2369).
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// `List-Unsubscribe-Post` (RFC 8058), which has one value.
#[derive(Clone)]
struct ListUnsubscribePost;

impl Header for ListUnsubscribePost {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            subject: "Cost 12.–18. Oct: +3 %".to_owned(),
            text: "Total 1,234.56 USD".to_owned(),
            html: "<p>Total 1,234.56 USD</p><img src=\"cid:cost\" alt=\"cost\">".to_owned(),
            charts: vec![Chart { name: "cost".to_owned(), alt: "cost".to_owned(), png: vec![1, 2, 3] }],
            attachment: Some(("cost.csv".to_owned(), "team,cost\nweb,1.00\n".to_owned())),
        }
    }

    fn subscription() -> Subscription {
        Subscription {
            from: "Headroom <headroom@example.org>".to_owned(),
            to: "finance@example.org".to_owned(),
            key: "weekly-7-2026-10-12".to_owned(),
            unsubscribe_url: Some("https://headroom.example.org/unsubscribe/abc".to_owned()),
        }
    }

    #[test]
    fn has_text_html_chart_and_csv_and_can_be_unsubscribed_in_one_click() {
        let wire = String::from_utf8(mail().message(&subscription()).unwrap().formatted()).unwrap();
        let place = |part: &str| wire.find(part).unwrap_or_else(|| panic!("{part} is missing in\n{wire}"));
        assert!(place("text/plain") < place("text/html") && place("text/html") < place("image/png"));
        assert!(place("image/png") < place("text/csv"));
        for header in [
            "Message-ID: <weekly-7-2026-10-12@example.org>",
            "List-Unsubscribe: <https://headroom.example.org/unsubscribe/abc>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "Content-ID: <cost>",
        ] {
            place(header);
        }
    }

    #[test]
    fn names_the_address_that_is_none() {
        let broken = Subscription { to: "finance at example".to_owned(), ..subscription() };
        let error = mail().message(&broken).unwrap_err().to_string();
        assert!(error.starts_with("\"finance at example\" is not a mail address"), "{error}");
    }
}
