package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashes is how often to kill: 20 times in CI, as often as SMPP_CRASHES says,
// and otherwise no more than a test may take that is run all the time.
func crashes(t *testing.T) int {
	if s := os.Getenv("SMPP_CRASHES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			t.Fatalf("SMPP_CRASHES is %q: a number such as 100 is wanted", s)
		}
		return n
	}
	if testing.Short() {
		t.Skip("the crash suite takes a minute, with -short none at all; SMPP_CRASHES=5 or the like runs it all the same")
	}
	if os.Getenv("CI") != "" {
		return 20
	}
	return 5
}

func TestCrashes(t *testing.T) {
	for _, tt := range []struct {
		name string
		once bool
	}{{"at least once", false}, {"at most once", true}} {
		t.Run(tt.name, func(t *testing.T) {
			n := crashes(t)
			dir := t.TempDir()
			program, err := build(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := crash(t.Context(), config{crashes: n, rate: 1000, senders: 64, seed: uint64(time.Now().UnixNano()), once: tt.once, program: program, dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := rep.write(&out); err != nil {
				t.Error(err)
			}
			t.Log("\n" + out.String())
			if len(rep.Wrong) > 0 {
				t.Errorf("%d things are wrong", len(rep.Wrong))
			}
			if rep.Kills != n {
				t.Errorf("%d kills of %d", rep.Kills, n)
			}
			if rep.Accepted < 50*n || rep.Receipts.Once < rep.Accepted/2 || tt.once && rep.Deliveries.Once < rep.Accepted/4 {
				t.Errorf("%d messages accepted, %d receipts and %d deliveries are too few to prove anything", rep.Accepted, rep.Receipts.Once, rep.Deliveries.Once)
			}
		})
	}
}

// The suite notices a message center that delivers twice what it must not.
func TestTwiceIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs message centers; -short does not")
	}
	dir := t.TempDir()
	program, err := build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for seed := range uint64(5) { // whether a kill comes between a delivery and its commit is a matter of luck
		rep, err := crash(t.Context(), config{crashes: 6, rate: 2000, senders: 64, seed: 1 + seed, program: program, dir: t.TempDir(), once: true, repeats: true})
		if err != nil {
			t.Fatal(err)
		}
		wrong := strings.Join(rep.Wrong, "\n")
		if strings.Contains(wrong, "delivered 2 times, at most once is promised") {
			return
		}
		said = append(said, fmt.Sprintf("%d messages were delivered twice, and the report says: %s", rep.Deliveries.Twice, wrong))
	}
	t.Errorf("nothing came twice in 30 kills: %s", strings.Join(said, "\n"))
}

// The suite notices a message center that loses messages.
func TestLossIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs message centers; -short does not")
	}
	dir := t.TempDir()
	program, err := build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := crash(t.Context(), config{crashes: 2, rate: 1000, senders: 64, seed: 1, program: program, dir: dir, memory: true, patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"have not come", "query_sm: "} {
		if !strings.Contains(strings.Join(rep.Wrong, "\n"), want) {
			t.Errorf("messages are kept in memory, the message center was killed, and the report does not say %q:\n%s", want, strings.Join(rep.Wrong, "\n"))
		}
	}
}
