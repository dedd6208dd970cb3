package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/center/metrics"
	"github.com/godwit-sms/smpp/center/store"
	"github.com/godwit-sms/smpp/center/store/memory"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func scrape(t *testing.T, m *metrics.Meter) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v", w.Code, err)
	}
	return string(b)
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("there is no line %q", line)
		}
	}
}

// What waits, and since when, through all that can happen to a message.
func TestDepth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // ids count from 2020
		meter := metrics.New()
		var ids message.IDSource
		s := meter.Wrap(new(memory.Store))
		commit := func(ops ...store.Op) {
			t.Helper()
			if err := s.Commit(t.Context(), 0, 0, ops); err != nil {
				t.Fatal(err)
			}
		}
		accept := func(m message.Message) *message.Message {
			m.ID = ids.Next(time.Now(), 1)
			m.Group, m.Account = m.ID, "acme"
			commit(store.Op{Kind: store.Accept, Message: &m})
			return &m
		}
		check := func(what string, messages, scheduled, receipts int, oldest, oldestReceipt time.Duration) {
			t.Helper()
			m, sch, r, o, or := meter.Waiting(time.Now())
			if m != messages || sch != scheduled || r != receipts || o != oldest || or != oldestReceipt {
				t.Errorf("%s: %d, %d, %d, %v, %v; want %d, %d, %d, %v, %v", what, m, sch, r, o, or, messages, scheduled, receipts, oldest, oldestReceipt)
			}
		}
		check("nothing", 0, 0, 0, 0, 0)
		a := accept(message.Message{State: pdu.StateEnroute})
		time.Sleep(10 * time.Second)
		b := accept(message.Message{State: pdu.StateEnroute})
		c := accept(message.Message{State: pdu.StateScheduled})
		r := accept(message.Message{State: pdu.StateEnroute, Kind: message.Receipt})
		time.Sleep(5 * time.Second)
		check("all there", 2, 1, 1, 15*time.Second, 5*time.Second)
		commit(store.Op{Kind: store.Attempt, ID: a.ID, Attempts: 1}, store.Op{Kind: store.Release, ID: c.ID})
		check("released", 3, 0, 1, 15*time.Second, 5*time.Second)
		commit(store.Op{Kind: store.Final, ID: a.ID, State: pdu.StateDelivered, At: time.Now()})
		check("the oldest has ended", 2, 0, 1, 5*time.Second, 5*time.Second)
		commit(store.Op{Kind: store.Final, ID: b.ID, State: pdu.StateExpired, At: time.Now()}, store.Op{Kind: store.Remove, ID: r.ID})
		time.Sleep(2 * time.Second)
		check("what was scheduled is left", 1, 0, 0, 2*time.Second, 0)
		again := *c
		again.State = pdu.StateScheduled
		commit(store.Op{Kind: store.Replace, Message: &again})
		check("scheduled again", 0, 1, 0, 0, 0)
		now := again
		now.State = pdu.StateEnroute
		commit(store.Op{Kind: store.Replace, Message: &now})
		time.Sleep(time.Second)
		check("at once after all", 1, 0, 0, time.Second, 0)

		// A restart takes up what is there.
		restarted := metrics.New()
		if err := restarted.Wrap(store.Base(s)).Load(t.Context(), 0, func(*message.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if m, _, _, _, _ := restarted.Waiting(time.Now()); m != 1 {
			t.Errorf("after a restart %d wait; want 1", m)
		}
		commit(store.Op{Kind: store.Final, ID: c.ID, State: pdu.StateDeleted, At: time.Now()})
		check("nothing again", 0, 0, 0, 0, 0)
		if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Final, ID: c.ID, State: pdu.StateDeleted}}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what is over ends again: %v", err)
		}
		check("a commit that failed counts as nothing", 0, 0, 0, 0, 0)
		want(t, scrape(t, meter), `smpp_messages_accepted_total{account="acme"} 3`, `smpp_messages_final_total{state="delivered"} 1`, `smpp_messages_final_total{state="expired"} 1`,
			"smpp_attempts_failed_total 1", "smpp_receipts_total 1", "smpp_receipts_ended_total 1", "smpp_store_commit_errors_total 1", `smpp_queue_messages{kind="message"} 0`)
	})
}

func TestSources(t *testing.T) {
	m := metrics.New()
	err := m.Attach(metrics.Sources{
		Sessions: func() (int, map[metrics.Binding]int) {
			return 3, map[metrics.Binding]int{{Account: "acme", Mode: "receiver"}: 2}
		},
		Center: func() metrics.Counts {
			return metrics.Counts{Away: 4, Places: 5, DroppedReceipts: 6, Binds: 7, BindsFailed: 8, Throttled: 9}
		},
		Store: func() metrics.StoreCounts { return metrics.StoreCounts{Disk: 10, Free: 11, Full: true} },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Request(pdu.IDSubmitSM, pdu.StatusOK)
	m.Request(pdu.IDSubmitSM, pdu.StatusOK)
	m.Request(pdu.IDSubmitSM, pdu.StatusQueueFull)
	want(t, scrape(t, m), "smpp_connections 3", `smpp_sessions{account="acme",mode="receiver"} 2`, "smpp_queue_away 4", "smpp_queue_places 5", "smpp_receipts_dropped_total 6",
		`smpp_binds_total{outcome="granted"} 7`, `smpp_binds_total{outcome="failed"} 8`, "smpp_throttled_total 9", "smpp_store_disk_bytes 10", "smpp_store_full 1", "smpp_store_failed 0",
		`smpp_requests_total{command="submit_sm",status="ESME_ROK"} 2`, `smpp_requests_total{command="submit_sm",status="ESME_RMSGQFUL"} 1`)
}

// full returns a meter that has something of everything.
func full(t *testing.T) *metrics.Meter {
	t.Helper()
	m := metrics.New()
	err := m.Attach(metrics.Sources{
		Sessions: func() (int, map[metrics.Binding]int) {
			return 1, map[metrics.Binding]int{{Account: "acme", Mode: "receiver"}: 1}
		},
		Center: func() metrics.Counts { return metrics.Counts{} },
		Store:  func() metrics.StoreCounts { return metrics.StoreCounts{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Request(pdu.IDSubmitSM, pdu.StatusOK)
	s := m.Wrap(nowhere{})
	if err := s.Commit(t.Context(), 0, 0, []store.Op{{Kind: store.Accept, Message: &message.Message{Account: "acme"}}, {Kind: store.Final, State: pdu.StateDelivered}}); err != nil {
		t.Fatal(err)
	}
	return m
}

// Names, help and types are as Prometheus wants them.
func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, full(t)))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

var (
	series = regexp.MustCompile(`(?m)^(smpp_[a-z_]+)(?:\{(.*)\})? `)
	labels = regexp.MustCompile(`([a-z_]+)="`)
)

// Labels are those that are known to be few, and whatever comes in does not make
// more of them.
func TestLabels(t *testing.T) {
	m := full(t)
	for i := range 5000 {
		m.Request(pdu.CommandID(i), pdu.Status(i))
		m.Request(pdu.CommandID(i)|pdu.ResponseBit, pdu.Status(0x400+i))
	}
	text := scrape(t, m)
	if !strings.Contains(text, `smpp_requests_total{command="other",status="other"} `) || strings.Contains(text, `"0x`) {
		t.Error("what SMPP does not define does not count as other")
	}
	if n := strings.Count(text, "smpp_requests_total{"); n > 2*80 {
		t.Errorf("%d series of requests", n)
	}
	allowed := []string{"account", "command", "kind", "le", "mode", "outcome", "state", "status"}
	for _, s := range series.FindAllStringSubmatch(text, -1) {
		for _, l := range labels.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(allowed, l[1]) {
				t.Errorf("%s has a label %q; %v are bounded", s[1], l[1], allowed)
			}
		}
	}
}

// The manual has the metrics as the code has them. Mend it with
// UPDATE=1 go test ./metrics -run TestManual.
func TestManual(t *testing.T) {
	const path, begin, end = "../../docs/center.md", "<!-- metrics: begin -->\n", "<!-- metrics: end -->"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", path, begin, end)
	}
	table := reference(scrape(t, full(t)))
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != table {
		t.Errorf("%s has not the metrics of the code: run UPDATE=1 go test ./metrics -run TestManual", path)
	}
}

// reference returns the metrics of our own as a table.
func reference(text string) string {
	has := make(map[string][]string) // labels
	for _, s := range series.FindAllStringSubmatch(text, -1) {
		name := s[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		for _, l := range labels.FindAllStringSubmatch(s[2], -1) {
			if l[1] != "le" && !slices.Contains(has[name], l[1]) {
				has[name] = append(has[name], l[1])
			}
		}
	}
	var b strings.Builder
	b.WriteString("| metric | type | tells |\n| --- | --- | --- |\n")
	help := ""
	for line := range strings.Lines(text) {
		word := strings.SplitN(strings.TrimSpace(line), " ", 4)
		switch {
		case len(word) < 4 || !strings.HasPrefix(word[2], "smpp_"):
		case word[1] == "HELP":
			help = word[3]
		case word[1] == "TYPE":
			name := word[2]
			if l := has[name]; len(l) > 0 {
				name += "{" + strings.Join(l, ",") + "}"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, word[3], help)
		}
	}
	return b.String()
}

func BenchmarkCommit(b *testing.B) {
	s := metrics.New().Wrap(nowhere{})
	var ids message.IDSource
	ops := []store.Op{{Kind: store.Accept, Message: &message.Message{State: pdu.StateEnroute, Account: "acme"}}, {Kind: store.Final, State: pdu.StateDelivered}}
	b.ReportAllocs()
	for b.Loop() {
		ops[0].Message.ID = ids.Next(time.Now(), 1)
		ops[1].ID = ops[0].Message.ID
		if err := s.Commit(b.Context(), 0, 0, ops); err != nil {
			b.Fatal(err)
		}
	}
}

type nowhere struct{ store.Store }

func (nowhere) Commit(context.Context, int, uint64, []store.Op) error { return nil }
