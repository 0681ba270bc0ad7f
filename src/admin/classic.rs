//! The text format of Prometheus, version 0.0.4, made of the newer one's text: what readers without
//! `OpenMetrics` understand, `promtool` among them.

/// The same metrics in the older format. It calls a counter by its samples' name, and knows neither
/// units nor an end.
pub(crate) fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        let kind = if line.starts_with("# HELP ") { lines.peek().copied() } else { Some(line) };
        let is_counter =
            kind.is_some_and(|kind| kind.starts_with("# TYPE ") && kind.ends_with(" counter"));
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["#", what, name, rest] if is_counter => {
                text.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_called_by_their_samples_name_and_units_are_left_out() {
        let open_metrics = "# HELP a Some help counter.\n# TYPE a counter\na_total 1\n\
             # HELP b_seconds More.\n# TYPE b_seconds histogram\n# UNIT b_seconds seconds\n\
             b_seconds_sum{x=\"y z\"} 1.5\n# HELP c_seconds X.\n# TYPE c_seconds counter\n\
             # UNIT c_seconds seconds\nc_seconds_total 2\n# HELP d G.\n# TYPE d gauge\nd 1\n# EOF\n";
        let expected = "# HELP a_total Some help counter.\n# TYPE a_total counter\na_total 1\n\
             # HELP b_seconds More.\n# TYPE b_seconds histogram\n\
             b_seconds_sum{x=\"y z\"} 1.5\n# HELP c_seconds_total X.\n\
             # TYPE c_seconds_total counter\nc_seconds_total 2\n# HELP d G.\n# TYPE d gauge\nd 1\n";
        assert_eq!(classic(open_metrics), expected);
    }
}
