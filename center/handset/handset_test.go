package handset_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// What mobiles do is tested through the center, where it shows.

func TestParseProfile(t *testing.T) {
	for _, tt := range []struct {
		text string
		want handset.Profile
		err  string
	}{
		{text: "deliver", want: handset.Profile{Name: "deliver"}},
		{text: "slow:delay=1m", want: handset.Profile{Name: "slow", Delay: time.Minute}},
		{text: "deliver:delay=0s", want: handset.Profile{Name: "deliver", Delay: -1}},
		{text: "random:seed=42,delay=10ms", want: handset.Profile{Name: "random", Seed: 42, Delay: 10 * time.Millisecond}},
		{text: "deliver:delay=1s..3s", want: handset.Profile{Name: "deliver", Delays: handset.Uniform(time.Second, 3*time.Second)}},
		{text: "deliver:delay=exponential(2s)", want: handset.Profile{Name: "deliver", Delays: handset.Exponential(2 * time.Second)}},
		{text: "deliver:delay=normal(1s sd=200ms)", want: handset.Profile{Name: "deliver", Delays: handset.Normal(time.Second, 200*time.Millisecond)}},
		{text: "deliver:undeliverable=10/9,undeliverable=5,retry=2.5/31", want: handset.Profile{Name: "deliver", Shares: []handset.Share{
			{State: pdu.StateUndeliverable, Percent: 10, Error: 9}, {State: pdu.StateUndeliverable, Percent: 5}, {State: pdu.StateEnroute, Percent: 2.5, Error: 31},
		}}},
		{text: "deliver:throttle=2s/30s,queue_full=1s/1m", want: handset.Profile{Name: "deliver",
			Throttle: handset.Burst{For: 2 * time.Second, Every: 30 * time.Second}, QueueFull: handset.Burst{For: time.Second, Every: time.Minute}}},
		{text: "deliver:receipt=dates-with-seconds,ids=decimal,keywords=off", want: handset.Profile{Name: "deliver", Receipt: "dates-with-seconds", IDs: message.Decimal, IgnoreKeywords: true}},
		{text: "deliver:mo=2.5,mo_from=4917,mo_to=123", want: handset.Profile{Name: "deliver", Traffic: handset.Traffic{Rate: 2.5, From: "4917", To: "123"}}},
		{text: "", err: "deliver"},
		{text: "chaos", err: `"chaos"`},
		{text: "random:seed=-1", err: `seed "-1": a number`},
		{text: "random:seed=1,seed=2", err: "seed is there twice"},
		{text: "random:delay=-1s", err: `"-1s": nothing takes less`},
		{text: "random:delay=3s..1s", err: "3s..1s: the second"},
		{text: "random:delay=1s..", err: `"": a duration`},
		{text: "random:delay=normal(1s)", err: "normal two"},
		{text: "random:delay=normal(1s p50=2s)", err: "from p50 to p100"},
		{text: "random:delay=normal(2s p95=1s)", err: "less than the mean"},
		{text: "random:delay=normal(1s 2s)", err: "sd=TIME"},
		{text: "random:delay=exponential(p100=2s)", err: "from p0 to p100"},
		{text: "random:delay=exponential(1s", err: "parenthesis"},
		{text: "random:delay=poisson(1s)", err: `"poisson"`},
		{text: "random:delay=exponential(p0.0000001=3h)", err: "a year"},
		{text: "random:speed=1", err: `"speed": delay, seed,`},
		{text: "random:", err: `"": delay, seed`},
		{text: "deliver:rejected=0", err: "percent"},
		{text: "deliver:rejected=NaN", err: "percent"},
		{text: "deliver:rejected=5/0", err: `error code "0"`},
		{text: "deliver:rejected=60,expired=50", err: "add up to 110 %"},
		{text: "deliver:delivered=60,expired=30", err: "add up to 90 %"},
		{text: "deliver:throttle=2s", err: "two durations"},
		{text: "deliver:throttle=2s/2s", err: "two durations"},
		{text: "deliver:receipt=fancy", err: `receipt form "fancy": appendix-b-layout,`},
		{text: "deliver:ids=octal", err: `"octal"`},
		{text: "deliver:keywords=maybe", err: "on or off"},
		{text: "deliver:mo=-1", err: "mo -1"},
		{text: "deliver:mo=fast", err: `mo "fast": a number`},
		{text: "deliver:mo_from=+49", err: `mo_from "+49"`},
		{text: "deliver:mo_to=ACME", err: `mo_to "ACME"`},
	} {
		got, err := handset.ParseProfile(tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseProfile(%q): %v; want an error with %q", tt.text, err, tt.err)
			}
			continue
		}
		if err != nil || !same(got, tt.want) {
			t.Errorf("ParseProfile(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, name := range handset.Names() {
		if _, err := handset.ParseProfile(name); err != nil || handset.About(name) == "" {
			t.Errorf("profile %q: %v, about %q", name, err, handset.About(name))
		}
	}
	for _, p := range []handset.Profile{
		{Name: "chaos"}, {Shares: []handset.Share{{State: pdu.StateScheduled, Percent: 1}}}, {Shares: []handset.Share{{State: pdu.StateRejected}}},
		{Throttle: handset.Burst{For: time.Second}}, {Receipt: "fancy"}, {Delays: handset.Uniform(2, 1)}, {Traffic: handset.Traffic{Rate: math.NaN()}},
	} {
		if h, err := handset.New(p); err == nil {
			h.Close()
			t.Errorf("New takes %+v", p)
		}
	}
}

func same(a, b handset.Profile) bool {
	shares := slices.Equal(a.Shares, b.Shares)
	a.Shares, b.Shares = nil, nil
	return shares && fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

func FuzzParseProfile(f *testing.F) {
	for _, s := range []string{
		"random:seed=42,delay=10ms", "slow:delay=1s..3s", "deliver:delay=normal(1s p95=3s),throttle=2s/30s", "deliver:delay=exponential(p99.9=3s)",
		"deliver:undeliverable=10/9,undeliverable=5,rejected=2.5,delivered=82.5", "retry:receipt=resp-dec-receipt-hex,ids=uuid,keywords=off,mo=1e2,mo_from=1,mo_to=2,queue_full=1us/2h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := handset.ParseProfile(s)
		if err != nil {
			return
		}
		again, err := handset.ParseProfile(p.String())
		if err != nil || !same(again, p) && again.String() != p.String() {
			t.Fatalf("%q reads as %+v, and its text %q as %+v, %v", s, p, p.String(), again, err)
		}
		h, err := handset.New(p)
		if err != nil {
			t.Fatalf("New(%+v), which %q reads as: %v", p, s, err)
		}
		h.Close()
	})
}

// A percentile that is asked for is the one that there is.
func TestPercentiles(t *testing.T) {
	for _, tt := range []struct {
		text string
		p    float64
		want time.Duration
	}{
		{"2s", 99, 2 * time.Second},
		{"1s..3s", 25, 1500 * time.Millisecond},
		{"exponential(1s)", 50, 693 * time.Millisecond},
		{"exponential(p95=3s)", 95, 3 * time.Second},
		{"normal(1s sd=200ms)", 50, time.Second},
		{"normal(1s sd=200ms)", 97.725, 1400 * time.Millisecond},
		{"normal(1s p99=2s)", 99, 2 * time.Second},
		{"normal(1s p99=4s)", 1, 0},
	} {
		d, err := handset.ParseDistribution(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := d.Percentile(tt.p); got < tt.want-time.Millisecond || got > tt.want+time.Millisecond {
			t.Errorf("%s: percentile %v is %v; want %v", tt.text, tt.p, got, tt.want)
		}
	}
}

// The help names everything there is, and fits into a terminal.
func TestHelp(t *testing.T) {
	help := handset.Help()
	want := append(handset.Names(), handset.ReceiptForms()...)
	for _, s := range handset.Settings() {
		want = append(want, s.Name+"=")
	}
	for _, k := range handset.Keywords() {
		want = append(want, k.Word)
	}
	for _, word := range want {
		if !strings.Contains(help, word) {
			t.Errorf("the help does not have %q", word)
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > 81 {
			t.Errorf("a line of %d characters: %q", len(line)-1, line)
		}
	}
}

// Every form of a receipt that there is can be named in a profile.
func TestReceiptForms(t *testing.T) {
	forms := handset.ReceiptForms()
	if len(forms) != len(smpptest.ReceiptForms()) || len(forms) < 31 {
		t.Errorf("%d forms, of %d", len(forms), len(smpptest.ReceiptForms()))
	}
	seen := make(map[string]bool)
	for _, form := range forms {
		if _, err := handset.ParseProfile("deliver:receipt=" + form); err != nil || seen[form] {
			t.Errorf("form %q: %v, seen before: %v", form, err, seen[form])
		}
		seen[form] = true
	}
}

// Mobiles take no memory for a message but its place in the air.
func TestAllocations(t *testing.T) {
	p, err := handset.ParseProfile("random:delay=exponential(10h)")
	if err != nil {
		t.Fatal(err)
	}
	h, err := handset.New(p)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	m := &message.Message{Text: []byte("without a keyword")}
	a := &dispatch.Attempt{Message: m, Number: 1}
	if n := testing.AllocsPerRun(1000, func() {
		if err := h.Admit(m); err != nil {
			t.Fatal(err)
		}
		h.Attempt(a)
	}); n != 0 {
		t.Errorf("%v allocations for a message; want none", n)
	}
}

// network takes what mobiles send.
type network struct{ sent chan int }

func (n network) Receiving() []string { return []string{"acme"} }

func (n network) Originate(_ context.Context, msgs []*message.Message) error {
	n.sent <- len(msgs)
	return nil
}

// The traffic begins, changes and ends as the profile does.
func TestSetTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := handset.New(handset.Profile{})
		if err != nil {
			t.Fatal(err)
		}
		n := network{make(chan int, 1000)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.Originate(t.Context(), n)
		}()
		for _, rate := range []float64{0, 10, 2, 0, 5} {
			if err := h.Set(handset.Profile{Traffic: handset.Traffic{Rate: rate}}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for len(n.sent) > 0 {
				<-n.sent
			}
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			total := 0
			for len(n.sent) > 0 {
				total += <-n.sent
			}
			if total != int(10*rate) {
				t.Errorf("%d messages in ten seconds; want %v", total, 10*rate)
			}
		}
		if err := h.Set(handset.Profile{Name: "none"}); err == nil {
			t.Error("a profile that there is not holds")
		}
		h.Close()
		<-done
	})
}
