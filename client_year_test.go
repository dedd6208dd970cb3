package smpp_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
)

// Thirty message centers for a year, each of which goes away about every other
// day: at the end all sessions are bound, and neither goroutines nor memory have
// become more.
func TestClientForAYear(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		const centers = 30
		var n network
		var hosts []string
		servers := make([]*smpp.Server, centers)
		serve := func(i int) {
			srv := &smpp.Server{Handler: byAddress, Logger: quiet, EnquireLink: 12 * time.Hour}
			servers[i] = srv
			n.set(hosts[i], pipeTo(srv))
		}
		for i := range centers {
			hosts = append(hosts, fmt.Sprintf("mc%d", i))
			serve(i)
		}
		t.Cleanup(func() {
			for _, srv := range servers {
				_ = srv.Close()
			}
		})
		c := connect(t, &n, &smpp.Client{Targets: targets(hosts...), Config: &smpp.Config{EnquireLink: 6 * time.Hour}})
		goroutines, heap := use()
		r := rand.New(rand.NewPCG(1, 2))
		losses, sent := 0, 0
		for begin := time.Now(); time.Since(begin) < 365*24*time.Hour; {
			time.Sleep(time.Duration(r.Int64N(int64(3 * time.Hour))))
			i := r.IntN(centers)
			n.set(hosts[i], nil)
			_ = servers[i].Close()
			losses++
			for range 10 {
				if _, err := c.Submit(t.Context(), to(sent)); err != nil {
					t.Fatal(err) // the others are there
				}
				sent++
			}
			time.Sleep(time.Duration(r.Int64N(int64(time.Hour))))
			serve(i)
		}
		time.Sleep(2 * time.Minute) // the longest pause, and an attempt
		synctest.Wait()
		n.mu.Lock()
		n.dials = nil // what the test itself keeps
		n.mu.Unlock()
		if s := c.Stats(); s.Bound != centers || s.Waiting != 0 || s.Held != 0 {
			t.Errorf("%+v", s)
		}
		g, h := use()
		if g != goroutines || h > heap+4<<20 {
			t.Errorf("%d goroutines and %d KiB at first, %d and %d KiB after a year", goroutines, heap>>10, g, h>>10)
		}
		t.Logf("%d sessions lost, %d messages; %d goroutines, %d KiB", losses, sent, g, h>>10)
	})
}

// use returns how many goroutines there are and how much memory is in use.
func use() (goroutines int, heap uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}
