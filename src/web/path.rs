//! Names inside paths: identifiers of clouds hold slashes, colons and spaces.

/// `name` as the rest of a path: slashes stay, everything else that is not plain is percent-encoded.
pub(crate) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~/:@,".contains(&byte) || (byte == b'.' && !is_dots(name)) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The page of one recommendation.
pub fn recommendation_path(key: &str) -> String {
    format!("/recommendations/{}", encode(key))
}

/// The page of one forecast.
pub(crate) fn forecast_path(unique_id: &str) -> String {
    format!("/forecasts/{}", encode(unique_id))
}

/// The page of one workload.
pub(crate) fn capacity_path(workload: &str) -> String {
    format!("/capacity/workloads/{}", encode(workload))
}

/// The scenarios of one workload.
pub(crate) fn scenarios_path(workload: &str) -> String {
    format!("/capacity/scenarios/{}", encode(workload))
}

/// Triggers and advice on policies for one workload.
pub(crate) fn policies_path(workload: &str) -> String {
    format!("/capacity/policies/{}", encode(workload))
}

/// What one instance of one workload carries.
pub(crate) fn throughput_path(workload: &str) -> String {
    format!("/capacity/throughput/{}", encode(workload))
}

/// Browsers resolve segments of only dots.
fn is_dots(name: &str) -> bool {
    name.split('/').any(|segment| !segment.is_empty() && segment.bytes().all(|b| b == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_paths() {
        assert_eq!(encode("cost/service/Amazon EC2"), "cost/service/Amazon%20EC2");
        assert_eq!(encode("a?b#c%d&é"), "a%3Fb%23c%25d%26%C3%A9");
        assert_eq!(encode("a/../b"), "a/%2E%2E/b");
        assert_eq!(encode("arn:aws:ec2:eu-1:1:instance/i-0.x"), "arn:aws:ec2:eu-1:1:instance/i-0.x");
    }
}
