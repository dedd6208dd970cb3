package main_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	smpp "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/center/internal/load"
	"github.com/godwit-sms/smpp/pdu"
)

func TestBenchUsage(t *testing.T) {
	isolate(t)
	for _, c := range []struct{ args, want string }{
		{"--rate -1", "--rate"},
		{"--rate NaN", "--rate"},
		{"--rate +Inf", "--rate"},
		{"--ramp 1s", "--rate"},
		{"--ramp -1s --rate 5", "--ramp"},
		{"--warmup -1s", "--warmup"},
		{"--steps 10,20", "--duration"},
		{"--steps 10,0 --duration 1s", "--steps 0"},
		{"--steps 10 --duration 1s --rate 5", "--steps"},
		{"--steps 10 --duration 1s -n 5", "--steps"},
		{"--destinations 0", "--destinations"},
		{"--receipts --bind transmitter", "--receipts"},
		{"--receipts --receipt-timeout 0s", "--receipt-timeout"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, stdout, stderr := run(t, "", append([]string{"bench"}, strings.Fields(c.args)...)...)
			if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit status %d: %s%s", status, stdout, stderr)
			}
		})
	}
}

// From end to end: a message center of ours, receipts included.
func TestBenchReceipts(t *testing.T) {
	isolate(t)
	s := serve(t, "--simulate", "deliver:delay=1ms")
	args := []string{"bench", "--url", "smpp://demo:demo@" + s.address, "-n", "200", "--conns", "2", "--receipts", "--destinations", "50"}
	status, stdout, stderr := run(t, "", append(args, "--json")...)
	var r load.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || status != 0 {
		t.Fatalf("exit status %d, %v: %s%s", status, err, stdout, stderr)
	}
	if r.Messages != 200 || r.Receipts == nil || r.Receipts.Received != 200 || r.Receipts.States["delivered"] != 200 || r.Receipts.Unexpected != 0 {
		t.Errorf("%s", stdout)
	}
	status, stdout, _ = run(t, "", args...)
	if status != 0 || !strings.Contains(stdout, "200 receipts: ") || !strings.Contains(stdout, "200 delivered") {
		t.Errorf("exit status %d: %s", status, stdout)
	}
}

func TestBenchForPeople(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	status, stdout, stderr := run(t, "", "bench", "--url", srv.URL, "--steps", "200,400", "--duration", "200ms", "--warmup", "20ms")
	if status != 0 || stderr != "" { // no progress bar where nobody looks
		t.Errorf("exit status %d: %q", status, stderr)
	}
	for _, want := range []string{"messages accepted in", "median", "99.9%", "at 200 a second: 20 accepted", "at 400 a second: 40 accepted"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in %s", want, stdout)
		}
	}
}

func TestBenchReceiptsThatDoNotCome(t *testing.T) {
	isolate(t)
	s := serve(t, "--simulate", "deliver:delay=1h", "--grace", "0s")
	status, stdout, stderr := run(t, "", "bench", "--url", "smpp://demo:demo@"+s.address, "-n", "3", "--receipts", "--receipt-timeout", "50ms")
	if status != 1 || !strings.Contains(stdout, "3 receipts missing") || !strings.Contains(stderr, "3 receipts did not come") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}

func TestBenchProgress(t *testing.T) {
	for _, c := range []struct {
		name string
		o    load.Options
		want string
	}{
		{"messages", load.Options{Messages: 1000}, "250/1000"},
		{"time", load.Options{Duration: 10 * time.Second}, "250 messages"},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := make(chan struct{})
			w := &signal{want: c.want, seen: seen}
			var answered atomic.Int64
			answered.Store(250)
			stop := smpp.DrawProgress(w, &answered, c.o)
			select {
			case <-seen:
			case <-time.After(20 * time.Second):
				t.Error("the bar does not show what was answered")
			}
			stop()
		})
	}
}

// A signal closes seen when what is written has want in it.
type signal struct {
	text strings.Builder
	want string
	seen chan struct{}
}

func (s *signal) Write(b []byte) (int, error) {
	before := strings.Contains(s.text.String(), s.want)
	s.text.Write(b)
	if !before && strings.Contains(s.text.String(), s.want) {
		close(s.seen)
	}
	return len(b), nil
}
