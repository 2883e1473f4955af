use jiff::tz::TimeZone;

use super::*;

/// Berlin, as POSIX writes it: on 29 March 2026 the clock goes from 2:00 to 3:00, on 25 October from 3:00 to 2:00.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn schedule(text: &str) -> Schedule {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn systemd_and_cron_are_told_the_same() {
    for (text, cron, calendar) in [
        ("* * * * *", "* * * * *", &["*-*-* *:*:00"][..]),
        ("*/15 * * * *", "*/15 * * * *", &["*-*-* *:00/15:00"]),
        ("7 * * * *", "7 * * * *", &["*-*-* *:07:00"]),
        ("0,30 8-18 * * *", "0,30 8-18 * * *", &["*-*-* 08..18:00,30:00"]),
        ("0 9-17/4 * * *", "0 9-17/4 * * *", &["*-*-* 09,13,17:00:00"]),
        ("  30   4  * * mon-fri ", "30 4 * * mon-fri", &["Mon..Fri *-*-* 04:30:00"]),
        ("0 6 * * 0", "0 6 * * 0", &["Sun *-*-* 06:00:00"]),
        ("0 6 * * 5-7", "0 6 * * 5-7", &["Fri..Sun *-*-* 06:00:00"]),
        ("0 6 * * Sun,Tue", "0 6 * * Sun,Tue", &["Tue,Sun *-*-* 06:00:00"]),
        ("0 6 * * 0-7", "0 6 * * 0-7", &["*-*-* 06:00:00"]),
        ("0 6 1 * *", "0 6 1 * *", &["*-*-01 06:00:00"]),
        ("0 6 1,15 jan,7 *", "0 6 1,15 jan,7 *", &["*-01,07-01,15 06:00:00"]),
        ("0 6 */2 */3 *", "0 6 */2 */3 *", &["*-01/3-01/2 06:00:00"]),
        // Either day will do, unless one of them is written with a star.
        ("0 6 13 * fri", "0 6 13 * fri", &["*-*-13 06:00:00", "Fri *-*-* 06:00:00"]),
        ("0 6 */2 * fri", "0 6 */2 * fri", &["Fri *-*-01/2 06:00:00"]),
        ("@hourly", "0 * * * *", &["*-*-* *:00:00"]),
        ("@daily", "0 0 * * *", &["*-*-* 00:00:00"]),
        ("@weekly", "0 0 * * 0", &["Sun *-*-* 00:00:00"]),
        ("@monthly", "0 0 1 * *", &["*-*-01 00:00:00"]),
        ("@yearly", "0 0 1 1 *", &["*-01-01 00:00:00"]),
    ] {
        let schedule = schedule(text);
        assert_eq!(schedule.to_string(), text.trim());
        assert_eq!(schedule.cron(), cron, "{text}");
        assert_eq!(schedule.calendar(None), calendar, "{text}");
    }
    let berlin = schedule("0 6 13 * fri").calendar(Some("Europe/Berlin"));
    assert_eq!(berlin, ["*-*-13 06:00:00 Europe/Berlin", "Fri *-*-* 06:00:00 Europe/Berlin"]);
}

#[test]
fn what_is_no_schedule_says_why() {
    for (text, reason) in [
        ("", "it has 0 fields, not the five of cron: minute, hour, day, month, weekday"),
        ("* * * *", "it has 4 fields, not the five of cron: minute, hour, day, month, weekday"),
        ("daily", "write `@daily`"),
        ("@reboot", "it names no time; write five fields of cron, such as `0 6 * * *`"),
        ("60 * * * *", "minute `60`: it goes from 0 to 59"),
        ("+1 * * * *", "minute `+1`: it goes from 0 to 59"),
        ("0 24 * * *", "hour `24`: it goes from 0 to 23"),
        ("0 0 0 * *", "day `0`: it goes from 1 to 31"),
        ("0 0 1 13 *", "month `13`: it goes from 1 to 12"),
        ("0 0 * * 8", "weekday `8`: it goes from 0 to 7"),
        ("0 0 * * funday", "weekday `funday`: it goes from 0 to 7"),
        ("0 0 * mon *", "month `mon`: it goes from 1 to 12"),
        ("0 0 * * sat-sun", "weekday `sat-sun`: `sat-sun` runs backwards"),
        ("5/15 * * * *", "minute `5/15`: a step needs a range, such as `5-59`"),
        ("*/0 * * * *", "minute `*/0`: the step is to be from 1 to 59"),
        ("*/x * * * *", "minute `*/x`: the step is to be from 1 to 59"),
        ("1,,2 * * * *", "minute `1,,2`: it goes from 0 to 59"),
        ("0 0 30 feb *", "no month that it names has such a day"),
        ("0 0 31 4,6 *", "no month that it names has such a day"),
        ("0 0 * * *\nroot", "it has characters that no schedule has"),
    ] {
        let error = text.parse::<Schedule>().expect_err(text).to_string();
        assert!(error.ends_with(&format!(" is no schedule: {reason}")), "{text}: {error}");
    }
    let long = "0,".repeat(200);
    assert!(long.parse::<Schedule>().expect_err("it is long").to_string().contains("longer than 256 bytes"));
}

#[test]
fn what_is_due_next() {
    for (text, zone, after, next) in [
        ("*/15 * * * *", "UTC0", "2026-11-24T13:24:09Z", "2026-11-24T13:30:00+00:00"),
        ("*/15 * * * *", "UTC0", "2026-11-24T13:30:00Z", "2026-11-24T13:45:00+00:00"),
        ("0 6 * * *", BERLIN, "2026-11-24T05:00:00Z", "2026-11-25T06:00:00+01:00"),
        ("0 6 * * mon", BERLIN, "2026-11-24T05:00:00Z", "2026-11-30T06:00:00+01:00"),
        ("0 6 13 * fri", "UTC0", "2026-11-07T00:00:00Z", "2026-11-13T06:00:00+00:00"),
        ("0 6 13 * fri", "UTC0", "2026-11-28T00:00:00Z", "2026-12-04T06:00:00+00:00"),
        ("0 0 29 2 *", "UTC0", "2026-11-24T00:00:00Z", "2028-02-29T00:00:00+00:00"),
        ("0 0 31 * *", "UTC0", "2026-11-24T00:00:00Z", "2026-12-31T00:00:00+00:00"),
        // The clock passes over 2:30, so it comes on the next day; what is due each half hour goes on after the gap.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-30T02:30:00+02:00"),
        ("*/30 * * * *", BERLIN, "2026-03-29T00:30:00Z", "2026-03-29T03:00:00+02:00"),
        // 2:30 comes twice, and counts the first time.
        ("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00"),
        ("30 2 * * *", BERLIN, "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00"),
        ("30 2 * * *", BERLIN, "2026-10-25T01:15:00Z", "2026-10-26T02:30:00+01:00"),
        ("*/30 * * * *", BERLIN, "2026-10-25T00:30:00Z", "2026-10-25T03:00:00+01:00"),
    ] {
        let zone = TimeZone::posix(zone).expect(zone);
        let after: jiff::Timestamp = after.parse().expect(after);
        let found = schedule(text).next(&after.to_zoned(zone)).expect(text);
        assert_eq!(found.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(), next, "{text} after {after}");
    }
}

#[test]
fn the_search_has_an_end() {
    // 29 February on a Sunday, since a star in front asks for both: 2100 is no leap year, so it takes 40 years.
    let rare = schedule("0 0 29 2 */7");
    let zone = TimeZone::UTC;
    let after = Date::constant(2088, 3, 1).to_zoned(zone.clone()).expect("a day");
    assert_eq!(rare.next(&after).expect("a day").date(), Date::constant(2128, 2, 29));
    let last = jiff::Timestamp::MAX.to_zoned(zone);
    assert_eq!(schedule("* * * * *").next(&last), None);
}

#[test]
fn how_often_it_is_due() {
    for (text, minutes) in [
        ("* * * * *", 1),
        ("*/15 * * * *", 15),
        ("*/25 * * * *", 10),
        ("@hourly", 60),
        ("0 6,22 * * *", 8 * 60),
        ("@daily", 24 * 60),
        ("0 6 * * mon", 24 * 60),
    ] {
        assert_eq!(schedule(text).spacing(), Duration::from_secs(minutes * 60), "{text}");
    }
}

#[test]
fn names_of_zones_are_only_names() {
    for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince"] {
        assert!(is_zone_name(name), "{name}");
    }
    for name in ["", "Europe/Berlin\nroot", "Europe Berlin", "/etc/localtime", "../x", ":UTC", "é", &"a".repeat(65)] {
        assert!(!is_zone_name(name), "{name}");
    }
}
