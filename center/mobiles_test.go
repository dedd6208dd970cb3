package center_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

func simulated(t *testing.T, profile string) center.Config {
	t.Helper()
	p, err := handset.ParseProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	return center.Config{Handset: p, DeliverWindow: 100}
}

// Shares are kept, with their errors and delays, and a seed makes them the same
// in every run.
func TestShares(t *testing.T) {
	const n = 4000
	shares := map[string]float64{"UNDELIV 009": 15, "UNDELIV 001": 5, "REJECTD 013": 10, "EXPIRED 027": 5, "ACCEPTD 000": 5, "DELETED 000": 4, "SKIPPED 000": 3, "UNKNOWN 000": 3, "DELIVRD 000": 50}
	run := func(t *testing.T, seed int) (all []string) {
		synctest.Test(t, func(t *testing.T) {
			e := piped(t, simulated(t, fmt.Sprintf("deliver:undeliverable=15/9,undeliverable=5,rejected=10,expired=5,accepted=5,deleted=4,skipped=3,unknown=3,delay=normal(10s p95=12s),seed=%d", seed))).
				bind(smpp.Config{Version: pdu.V50}, nil)
			begin := time.Now()
			states := make(map[string]string)
			var ids []string
			for i := range n {
				ids = append(ids, e.submit(text(pdu.International(fmt.Sprintf("4917%08d", i)), "hi")))
			}
			got := e.wait(n)
			if took := time.Since(begin); took < 12*time.Second || took > 20*time.Second {
				t.Errorf("the last receipt came after %v; with 10 s on average and 5 %% beyond 12 s that cannot be", took)
			}
			for _, d := range got {
				r := receipt(t, d)
				states[r.ID] = r.Stat + " " + r.Err
			}
			for _, id := range ids {
				all = append(all, states[id])
			}
		})
		return all
	}
	first, again, other := run(t, 1), run(t, 1), run(t, 2)
	if !slices.Equal(first, again) {
		t.Error("two runs with the same seed differ")
	}
	if slices.Equal(first, other) {
		t.Error("two runs with different seeds do not differ")
	}
	counts := make(map[string]int)
	for _, s := range first {
		counts[s]++
	}
	for s, percent := range shares {
		if got := 100 * float64(counts[s]) / n; got < percent-2 || got > percent+2 {
			t.Errorf("%s: %.1f %%; want %v %%", s, got, percent)
		}
	}
	if len(counts) != len(shares) {
		t.Errorf("receipts %v", counts)
	}
}

// A word in the text decides what becomes of a message.
func TestKeywords(t *testing.T) {
	for _, tt := range []struct {
		text  string
		dc    pdu.DataCoding
		stat  string
		err   string
		after time.Duration
	}{
		{"please #fail", 0, "UNDELIV", "001", 100 * time.Millisecond},
		{"#FAIL #error=9 #delay=5s", 0, "UNDELIV", "009", 5 * time.Second},
		{"#reject", 0, "REJECTD", "013", 100 * time.Millisecond},
		{"#expire", 0, "EXPIRED", "027", 100 * time.Millisecond},
		{"#accept", 0, "ACCEPTD", "000", 100 * time.Millisecond},
		{"#delete", 0, "DELETED", "000", 100 * time.Millisecond},
		{"#skip", 0, "SKIPPED", "000", 100 * time.Millisecond},
		{"#unknown", 0, "UNKNOWN", "000", 100 * time.Millisecond},
		{"#retry", 0, "DELIVRD", "000", 1200 * time.Millisecond},
		{"#absent", 0, "EXPIRED", "027", time.Hour},
		{"#deliver #delay=0s", 0, "DELIVRD", "000", 0},
		{"#fail #deliver", 0, "DELIVRD", "000", 100 * time.Millisecond},
		{"\x00#\x00f\x00a\x00i\x00l", pdu.CodingUCS2, "UNDELIV", "001", 100 * time.Millisecond},
		{"no#fail, #failure, #delay=soon, #error=x", 0, "DELIVRD", "000", 100 * time.Millisecond},
	} {
		t.Run(tt.text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := piped(t, simulated(t, "deliver")).bind(smpp.Config{Version: pdu.V50}, nil)
				m := text(mobile, tt.text)
				m.DataCoding, m.ValidityPeriod = tt.dc, relative(t, time.Hour)
				begin := time.Now()
				e.submit(m)
				r := receipt(t, e.wait(1)[0])
				took := time.Since(begin)
				if r.Stat != tt.stat || r.Err != tt.err || took < tt.after || took > tt.after+200*time.Millisecond {
					t.Errorf("%s, error %s, after %v; want %s, %s, %v", r.Stat, r.Err, took, tt.stat, tt.err, tt.after)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, simulated(t, "deliver:keywords=off")).bind(smpp.Config{}, nil)
		e.submit(text(mobile, "#fail #throttle"))
		if r := receipt(t, e.wait(1)[0]); r.Stat != "DELIVRD" {
			t.Errorf("with keywords=off: %s", r.Stat)
		}
	})
}

// Submissions are refused in bursts, or by keywords, and nothing else is.
func TestBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, simulated(t, "deliver:throttle=2s/10s,queue_full=1s/7s")).bind(smpp.Config{}, nil)
		for second := range 20 {
			time.Sleep(time.Second - time.Nanosecond)
			want := pdu.StatusOK
			switch {
			case second%10 >= 8:
				want = pdu.StatusThrottled
			case second%7 >= 6:
				want = pdu.StatusQueueFull
			}
			_, err := e.Submit(t.Context(), text(mobile, "hi"))
			wantStatus(t, fmt.Sprintf("second %d", second), err, want)
			time.Sleep(time.Nanosecond)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := piped(t, simulated(t, "deliver")).bind(smpp.Config{}, nil)
		_, err := e.Submit(t.Context(), text(mobile, "now #throttle"))
		wantStatus(t, "#throttle", err, pdu.StatusThrottled)
		_, err = e.Submit(t.Context(), text(mobile, "now #full"))
		wantStatus(t, "#full", err, pdu.StatusQueueFull)
	})
}

// Every form of receipts comes from end to end, and package sms reads it back.
func TestReceiptFormsAreRead(t *testing.T) {
	for _, form := range handset.ReceiptForms() {
		for _, ids := range []string{"hex", "decimal"} {
			t.Run(form+"/"+ids, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := piped(t, simulated(t, "deliver:receipt="+form+",ids="+ids)).bind(smpp.Config{Version: pdu.V50}, nil)
					begin := time.Now()
					octets, err := coding.Encode(coding.GSM7, "Your code is @4711_, ük")
					if err != nil {
						t.Fatal(err)
					}
					id := e.submit(text(mobile, string(octets)))
					decimal := ids == "decimal" || form == "resp-dec-receipt-hex"
					if (len(id) == 19) != decimal {
						t.Errorf("message_id %q", id)
					}
					d := e.wait(1)[0]
					var p sms.Profile
					state, words := pdu.StateDelivered, []string{"DELIVRD"}
					switch form {
					case "plain-message-that-only-looks-a-bit-like-a-receipt":
						if _, ok := p.ReadReceipt(d); ok {
							t.Errorf("%+v is taken for a receipt", d)
						}
						return
					case "comma-separated-another-format":
						r, ok := p.ReadReceipt(d)
						if text := sms.Text(d); !ok || r.ID != "" || !strings.HasPrefix(text, "00,") || !strings.HasSuffix(text, ","+id) {
							t.Errorf("%q reads as %+v", text, r)
						}
						return
					case "resp-hex-receipt-dec":
						p.MessageID = sms.MessageIDHexToDecimal
					case "resp-dec-receipt-hex":
						p.MessageID = sms.MessageIDDecimalToHex
					case "padded", "id-with-leading-zeros":
						p.MessageID = sms.MessageIDPadded
					case "case":
						p.MessageID = sms.MessageIDCaseInsensitive
					case "vendor-state-word":
						p.StatWords = map[string]pdu.MessageState{"NOROUTE": pdu.StateDelivered}
						words = []string{"NOROUTE"}
					case "intermediate-notification":
						state, words = pdu.StateEnroute, []string{"ENROUTE"}
					case "long-state-word":
						words = []string{"DELIVERED"}
					case "lower-case-state-word":
						words = []string{"delivrd"}
					case "no-usable-text-tlvs-only", "text-and-tlvs-disagree-tlvs-win":
						words = []string{"", "UNKNOWN"}
					}
					r, ok := p.ReadReceipt(d)
					if !ok {
						t.Fatalf("%q is not taken for a receipt", sms.Text(d))
					}
					rule := p.MessageID
					if form == "resp-hex-receipt-dec" && ids == "decimal" {
						return // decimal read as hexadecimal is another number: the form is for hexadecimal ids
					}
					if !rule.Match(id, r.ID) || !r.HasState || r.State != state || !slices.Contains(words, r.Stat) {
						t.Errorf("%q of %s reads as %+v", sms.Text(d), id, r)
					}
					if r.Intermediate != (form == "intermediate-notification") {
						t.Errorf("intermediate: %v", r.Intermediate)
					}
					if !r.DoneDate.IsZero() && (r.DoneDate.Before(begin.Add(-time.Minute)) || r.DoneDate.After(begin.Add(time.Minute))) {
						t.Errorf("done date %v; it is %v", r.DoneDate, begin)
					}
					if r.Text != "" && !strings.HasPrefix(r.Text, "Your code is @4711_,") && form != "label-words-inside-the-text" {
						t.Errorf("text %q", r.Text)
					}
				})
			})
		}
	}
}

// Mobiles write to the ESMEs that are bound to receive, at their rate, and to
// nobody else.
func TestTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := piped(t, simulated(t, "deliver:mo=50,mo_from=4917,mo_to=123,seed=5"))
		time.Sleep(time.Second) // nobody is there
		sender := p.bind(smpp.Config{Bind: smpp.Transmitter}, nil)
		e := p.bind(smpp.Config{Bind: smpp.Receiver}, nil)
		begin := time.Now()
		got := e.wait(500)
		if took := time.Since(begin); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("500 messages in %v; want 50 a second", took)
		}
		sources := make(map[string]bool)
		for _, m := range got {
			if !strings.HasPrefix(m.Source.Addr, "4917") || len(m.Source.Addr) != 12 || m.Dest.Addr != "123" || m.ESMClass != 0 || !strings.HasPrefix(string(m.ShortMessage), "MO ") {
				t.Fatalf("a mobile sent %+v", m)
			}
			sources[m.Source.Addr] = true
		}
		if len(sources) < 400 {
			t.Errorf("they came from %d mobiles", len(sources))
		}
		if n := sender.count(); n != 0 {
			t.Errorf("a transmitter got %d messages", n)
		}
	})
}
