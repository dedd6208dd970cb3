package pdu

import (
	"fmt"
	"time"
)

// A Time is a time as SMPP writes it: schedule_delivery_time, validity_period,
// final_date, broadcast_end_time. It stays the string of the wire, so that what
// is passed on keeps its meaning, and has methods to read it. Empty means not
// set. The forms are YYMMDDhhmmsstnnp, absolute with an offset from UTC in
// quarter hours, and YYMMDDhhmmss000R, relative to the time of the message
// center. SMPP v5.0, section 4.7.23.
type Time string

// DefaultPivot is the first two-digit year that counts as 19xx: 38 to 99 are
// 1938 to 1999, 00 to 37 are 2000 to 2037 (SMPP v3.4, appendix C).
const DefaultPivot = 38

// A TimeError tells why a time cannot be read or written.
type TimeError struct {
	Value  string
	Reason string
}

func (e *TimeError) Error() string { return fmt.Sprintf("time %q: %s", e.Value, e.Reason) }

// AbsoluteTime returns t as an absolute Time, in UTC and cut to tenths of a
// second. Years outside 1938 to 2037 cannot be written.
func AbsoluteTime(t time.Time) (Time, error) {
	u := t.UTC()
	if y := u.Year(); y < 1900+DefaultPivot || y >= 2000+DefaultPivot {
		return "", &TimeError{t.Format(time.RFC3339), fmt.Sprintf("years %d to %d can be written", 1900+DefaultPivot, 1999+DefaultPivot)}
	}
	return Time(u.Format("060102150405") + string('0'+byte(u.Nanosecond()/1e8)) + "00+"), nil
}

// RelativeTime returns d as a Time relative to the present of the message
// center, rounded up to whole seconds. Negative durations and those of more
// than 99 days, 23 hours, 59 minutes and 59 seconds cannot be written; use
// AbsoluteTime beyond.
func RelativeTime(d time.Duration) (Time, error) {
	if d < 0 {
		return "", &TimeError{d.String(), "a relative time is not negative"}
	}
	s := int64((d + time.Second - 1) / time.Second)
	if d > 100*24*time.Hour || s >= 100*86400 {
		return "", &TimeError{d.String(), "a relative time is less than 100 days; use an absolute one"}
	}
	return Time(fmt.Sprintf("0000%02d%02d%02d%02d000R", s/86400, s/3600%24, s/60%60, s%60)), nil
}

// IsRelative reports whether the time has the relative form.
func (t Time) IsRelative() bool { return len(t) == 16 && t[15] == 'R' }

// Check returns a *TimeError if the time is neither empty nor well formed.
func (t Time) Check() error {
	if t == "" {
		return nil
	}
	_, err := t.At(time.Unix(0, 0).UTC())
	return err
}

// At returns the point in time that t means, given the present of the message
// center, which relative times count from: years, months and days on the
// calendar first, then hours, minutes and seconds. An absolute time comes back
// in a zone of its offset. The empty time is an error.
func (t Time) At(now time.Time) (time.Time, error) { return t.AtPivot(now, DefaultPivot) }

// AtPivot is At with another first two-digit year of the 1900s, 0 to 100.
func (t Time) AtPivot(now time.Time, pivot int) (time.Time, error) {
	if len(t) != 16 {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("%d characters, 16 are required", len(t))}
	}
	var f [6]int
	for i := range f {
		v, ok := twoDigits(string(t[2*i : 2*i+2]))
		if !ok {
			return time.Time{}, &TimeError{string(t), fmt.Sprintf("%q at character %d is not a number", string(t[2*i:2*i+2]), 2*i+1)}
		}
		f[i] = v
	}
	tenth, quarters := int(t[12])-'0', 0
	if tenth < 0 || tenth > 9 {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("tenth of second %q is not a digit", t[12])}
	}
	quarters, ok := twoDigits(string(t[13:15]))
	if !ok {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("offset %q is not a number", string(t[13:15]))}
	}
	switch t[15] {
	case 'R':
		return now.AddDate(f[0], f[1], f[2]).Add(time.Duration(f[3])*time.Hour + time.Duration(f[4])*time.Minute + time.Duration(f[5])*time.Second), nil
	case '+':
	case '-':
		quarters = -quarters
	default:
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("it ends in %q, one of + - R is required", t[15])}
	}
	if quarters < -48 || quarters > 48 {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("offset of %s quarter hours, 48 at most", string(t[13:15]))}
	}
	zone := time.UTC
	if quarters != 0 {
		zone = time.FixedZone("", quarters*15*60)
	}
	return t.date(f, tenth, pivot, zone)
}

// InZone is for times that a peer may write with 12 digits and no offset, as
// final_date up to v3.4: they are in the zone given (nil: UTC). A time in the
// full absolute form is read as At does; a relative one is an error.
func (t Time) InZone(zone *time.Location) (time.Time, error) {
	if t.IsRelative() {
		return time.Time{}, &TimeError{string(t), "an absolute time is required here"}
	}
	if len(t) != 12 {
		return t.At(time.Time{})
	}
	var f [6]int
	for i := range f {
		v, ok := twoDigits(string(t[2*i : 2*i+2]))
		if !ok {
			return time.Time{}, &TimeError{string(t), fmt.Sprintf("%q at character %d is not a number", string(t[2*i:2*i+2]), 2*i+1)}
		}
		f[i] = v
	}
	if zone == nil {
		zone = time.UTC
	}
	return t.date(f, 0, DefaultPivot, zone)
}

func (t Time) date(f [6]int, tenth, pivot int, zone *time.Location) (time.Time, error) {
	year := 2000 + f[0]
	if f[0] >= pivot {
		year = 1900 + f[0]
	}
	if f[3] > 23 || f[4] > 59 || f[5] > 59 {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("%02d:%02d:%02d is no time of day", f[3], f[4], f[5])}
	}
	d := time.Date(year, time.Month(f[1]), f[2], f[3], f[4], f[5], tenth*1e8, zone)
	if day := time.Date(year, time.Month(f[1]), f[2], 0, 0, 0, 0, time.UTC); day.Day() != f[2] || int(day.Month()) != f[1] {
		return time.Time{}, &TimeError{string(t), fmt.Sprintf("%04d-%02d-%02d is no day of the calendar", year, f[1], f[2])}
	}
	return d, nil
}

func twoDigits(s string) (int, bool) {
	if s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}
