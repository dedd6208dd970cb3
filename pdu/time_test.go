package pdu_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

type specTimes struct {
	Absolute []struct {
		Text   pdu.Time
		Valid  bool
		Offset int `json:"offset_minutes"`
		UTC    time.Time
		Note   string
	} `json:"absolute_examples"`
	Relative []struct {
		Text         pdu.Time
		Valid        bool
		Base, Result time.Time
		Note         string
	} `json:"relative_examples"`
	FinalDate []struct {
		Text  pdu.Time
		Valid bool
		Form  string
		UTC   time.Time
		Note  string
	} `json:"final_date_examples"`
	Encode []struct {
		UTC, Local time.Time
		Seconds    *int64 `json:"duration_seconds"`
		Text       *pdu.Time
	} `json:"encode_examples"`
}

func checkTimeError(t *testing.T, err error, value pdu.Time) {
	t.Helper()
	var e *pdu.TimeError
	if !errors.As(err, &e) || e.Value != string(value) || e.Reason == "" {
		t.Errorf("error %v", err)
	}
}

func TestAbsoluteTimes(t *testing.T) {
	for _, tt := range readJSON[specTimes](t, "spec/times.json").Absolute {
		t.Run(tt.Note, func(t *testing.T) {
			got, err := tt.Text.At(time.Time{})
			checked := tt.Text.Check()
			if !tt.Valid {
				checkTimeError(t, err, tt.Text)
				checkTimeError(t, checked, tt.Text)
				return
			}
			if err != nil || checked != nil {
				t.Fatal(err, checked)
			}
			if _, offset := got.Zone(); !got.Equal(tt.UTC) || offset != tt.Offset*60 {
				t.Errorf("%v, want %v at %d minutes", got, tt.UTC, tt.Offset)
			}
			if tt.Text.IsRelative() {
				t.Error("relative")
			}
			if zoned, err := tt.Text.InZone(time.FixedZone("", 3600)); err != nil || !zoned.Equal(tt.UTC) {
				t.Errorf("InZone: %v, %v", zoned, err)
			}
		})
	}
}

func TestRelativeTimes(t *testing.T) {
	for _, tt := range readJSON[specTimes](t, "spec/times.json").Relative {
		t.Run(tt.Note, func(t *testing.T) {
			got, err := tt.Text.At(tt.Base)
			checked := tt.Text.Check()
			if !tt.Valid {
				checkTimeError(t, err, tt.Text)
				checkTimeError(t, checked, tt.Text)
				return
			}
			if err != nil || checked != nil || !got.Equal(tt.Result) {
				t.Errorf("%v, %v, %v, want %v", got, err, checked, tt.Result)
			}
			if !tt.Text.IsRelative() {
				t.Error("not relative")
			}
			_, err = tt.Text.InZone(nil)
			checkTimeError(t, err, tt.Text)
		})
	}
}

func TestFinalDates(t *testing.T) {
	east := time.FixedZone("", 2*3600)
	for _, tt := range readJSON[specTimes](t, "spec/times.json").FinalDate {
		t.Run(tt.Note, func(t *testing.T) {
			got, err := tt.Text.InZone(east)
			switch {
			case !tt.Valid || tt.Text == "":
				checkTimeError(t, err, tt.Text)
			case tt.Form == "local_12":
				if want := time.Date(2024, 3, 1, 12, 30, 0, 0, east); err != nil || !got.Equal(want) {
					t.Errorf("%v, %v, want %v", got, err, want)
				}
				if utc, err := tt.Text.InZone(nil); err != nil || !utc.Equal(time.Date(2024, 3, 1, 12, 30, 0, 0, time.UTC)) {
					t.Errorf("without a zone: %v, %v", utc, err)
				}
			default:
				if err != nil || !got.Equal(tt.UTC) {
					t.Errorf("%v, %v, want %v", got, err, tt.UTC)
				}
			}
		})
	}
	for _, bad := range []pdu.Time{"2403011230", "240301123060", "24030112300x", "241301123000", "2403011230000"} {
		_, err := bad.InZone(nil)
		checkTimeError(t, err, bad)
	}
	if err := pdu.Time("").Check(); err != nil {
		t.Errorf("an empty time is well formed: %v", err)
	}
}

func TestWritingTimes(t *testing.T) {
	for _, tt := range readJSON[specTimes](t, "spec/times.json").Encode {
		var got pdu.Time
		var err error
		switch {
		case tt.Seconds != nil:
			got, err = pdu.RelativeTime(time.Duration(*tt.Seconds) * time.Second)
		case !tt.Local.IsZero():
			got, err = pdu.AbsoluteTime(tt.Local)
		default:
			got, err = pdu.AbsoluteTime(tt.UTC)
		}
		if tt.Text == nil {
			if err == nil {
				t.Errorf("%+v is written as %s", tt, got)
			}
		} else if got != *tt.Text || err != nil {
			t.Errorf("%s, %v, want %s", got, err, *tt.Text)
		}
	}
}

func TestLimitsOfTimes(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		d    time.Duration
		want pdu.Time
	}{
		{"now", 0, "000000000000000R"},
		{"a part of a second is rounded up", time.Nanosecond, "000000000001000R"},
		{"a second", time.Second, "000000000001000R"},
		{"the longest", 100*day - time.Second, "000099235959000R"},
		{"100 days", 100 * day, ""},
		{"100 days after rounding", 100*day - time.Millisecond, ""},
		{"far more", 1<<63 - 1, ""},
		{"negative", -time.Nanosecond, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := pdu.RelativeTime(tt.d); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name string
		t    time.Time
		want pdu.Time
	}{
		{"the first year", time.Date(1938, 1, 1, 0, 0, 0, 0, time.UTC), "380101000000000+"},
		{"before it", time.Date(1937, 12, 31, 23, 59, 59, 0, time.UTC), ""},
		{"the last year", time.Date(2037, 12, 31, 23, 59, 59, 999e6, time.UTC), "371231235959900+"},
		{"after it", time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"in UTC it is the year before", time.Date(2038, 1, 1, 1, 0, 0, 0, time.FixedZone("", 2*3600)), "371231230000000+"},
		{"the zero time", time.Time{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := pdu.AbsoluteTime(tt.t); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestCenturies(t *testing.T) {
	for _, tt := range []struct {
		text  pdu.Time
		pivot int
		year  int
	}{
		{"370101000000000+", pdu.DefaultPivot, 2037},
		{"380101000000000+", pdu.DefaultPivot, 1938},
		{"990101000000000+", pdu.DefaultPivot, 1999},
		{"000101000000000+", pdu.DefaultPivot, 2000},
		{"990101000000000+", 100, 2099},
		{"000101000000000+", 0, 1900},
		{"690101000000000+", 70, 2069},
		{"700101000000000+", 70, 1970},
	} {
		if got, err := tt.text.AtPivot(time.Time{}, tt.pivot); err != nil || got.Year() != tt.year {
			t.Errorf("%s with pivot %d: %v, %v, want %d", tt.text, tt.pivot, got, err, tt.year)
		}
	}
	// 29 February depends on the century.
	if err := pdu.Time("000229000000000+").Check(); err != nil {
		t.Errorf("2000 was a leap year: %v", err)
	}
	if _, err := pdu.Time("000229000000000+").AtPivot(time.Time{}, 0); err == nil {
		t.Error("1900 was none")
	}
}

func FuzzTime(f *testing.F) {
	times := readJSON[specTimes](f, "spec/times.json")
	for _, e := range times.Absolute {
		f.Add(string(e.Text), int64(0))
	}
	for _, e := range times.Relative {
		f.Add(string(e.Text), e.Base.Unix())
	}
	for _, e := range times.FinalDate {
		f.Add(string(e.Text), int64(1709296200))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		v := pdu.Time(text)
		now := time.Unix(unix%(1<<40), 0).UTC()
		at, err := v.At(now)
		if checked := v.Check(); (checked == nil) != (err == nil || text == "") {
			t.Fatalf("%q: At says %v, Check %v", text, err, checked)
		}
		if zoned, err := v.InZone(nil); err == nil {
			if v.IsRelative() || len(text) != 12 && len(text) != 16 {
				t.Fatalf("%q in UTC is %v", text, zoned)
			}
			if y := zoned.Year(); y < 1938 || y > 2037 {
				t.Fatalf("%q is in %d", text, y)
			}
		}
		if err != nil {
			checkTimeError(t, err, v)
			return
		}
		if v.IsRelative() {
			if at.Before(now) {
				t.Fatalf("%q from %v is %v", text, now, at)
			}
			if again, _ := pdu.Time(text[:12] + "000R").At(now); !again.Equal(at) {
				t.Fatalf("%q: the last digits count", text)
			}
			return
		}
		written, err := pdu.AbsoluteTime(at)
		if err != nil { // UTC may fall into a year that cannot be written
			if y := at.UTC().Year(); y >= 1938 && y <= 2037 {
				t.Fatalf("%q is %v, which cannot be written: %v", text, at, err)
			}
			return
		}
		if again, err := written.At(now); err != nil || !again.Equal(at) || !strings.HasSuffix(string(written), "00+") {
			t.Fatalf("%q is %v, written as %q, read as %v, %v", text, at, written, again, err)
		}
	})
}
