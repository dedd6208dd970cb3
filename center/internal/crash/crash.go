package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

type config struct {
	crashes, rate, senders int
	seed                   uint64
	program, dir           string
	once                   bool          // messages to the ESME are delivered at most once
	repeats                bool          // have them come again, to see that it is noticed
	memory                 bool          // keep nothing on disk, to see that it is noticed
	patience               time.Duration // for something that is to come, while nothing does; zero: 2 minutes
}

// settings are those of the message center: retries that come while the suite
// runs, and an ESME that messages are for.
const settings = `
accounts:
  - {id: demo, password: demo, deliver_window: 100}
  - {id: sink, password: sink, deliver_window: 20, addresses: ["8080"], at_most_once: %t}
simulate: random:delay=20ms,seed=%d
retry: [50ms, 200ms, 1s]
log_level: warn
`

// onceValidity is that of messages which may come to lie as UNKNOWN until it
// ends.
const onceValidity = pdu.Time("000000000015000R")

// startTimeout is how long a start may take on a machine that is busy with other
// things.
const startTimeout = time.Minute

// esme is what messages to the account sink are sent to.
var (
	esme   = pdu.Address{Addr: "8080"}
	sender = pdu.Alphanumeric("CRASH")
)

// A suite is one run of everything.
type suite struct {
	config
	host   *host
	ledger ledger
	client *smpp.Client
}

// crash runs the suite. The error is that it could not run; what is wrong with
// the message center is in the report.
func crash(ctx context.Context, c config) (*report, error) {
	began := time.Now()
	if c.patience <= 0 {
		c.patience = 2 * time.Minute
	}
	if err := os.WriteFile(filepath.Join(c.dir, "center.yaml"), fmt.Appendf(nil, settings, c.once && !c.repeats, c.seed), 0o600); err != nil {
		return nil, err
	}
	s := &suite{config: c, host: newHost(c)}
	s.ledger.changed, s.ledger.once = began, c.once
	rep := &report{Seed: c.seed, Ends: make(map[pdu.MessageState]int)}

	s.client = s.newClient("demo", 2)
	sink := s.newClient("sink", 1)
	defer func() { _ = s.client.Close(); _ = sink.Close() }()
	connected := make(chan error, 1)
	go func() { connected <- sink.Connect(ctx) }()

	loadCtx, stopLoad := context.WithCancel(ctx)
	var load sync.WaitGroup
	for i := range c.senders {
		rnd := rand.New(rand.NewPCG(c.seed, uint64(i)+1))
		load.Go(func() { s.send(loadCtx, rnd) })
	}
	last, err := s.kill(rand.New(rand.NewPCG(c.seed, 0)), rep)
	stopLoad()
	load.Wait()
	if err != nil {
		return nil, err
	}
	defer func() { _ = last.kill() }()
	if err := <-connected; err != nil {
		return nil, fmt.Errorf("the ESME cannot bind: %w", err)
	}
	s.settle(ctx)
	if err := s.host.rest(ctx, s.patience); err != nil {
		s.ledger.fault("%v", err)
	}
	_ = s.client.Close()
	_ = sink.Close()
	if err := last.kill(); err != nil {
		return nil, err
	}
	s.read(last, rep)
	s.host.mu.Lock()
	kills, stopped := s.host.kills, s.host.stopped
	s.host.mu.Unlock()
	if err := s.host.check(ctx); err != nil {
		s.ledger.fault("%v", err)
	}
	s.ledger.judge(kills, stopped, rep)
	rep.Wrong = s.ledger.wrong
	if n := s.ledger.strange; n > 0 {
		rep.Wrong = append(rep.Wrong, fmt.Sprintf("and %d things more", n))
	}
	rep.Took = time.Since(began)
	return rep, nil
}

// newClient returns a client that notes everything it gets in the ledger.
func (s *suite) newClient(account string, sessions int) *smpp.Client {
	return &smpp.Client{
		Targets: []smpp.Target{{URL: "smpp://" + account + ":" + account + "@127.0.0.1"}}, // the host knows where
		Config: &smpp.Config{
			Dialer: s.host, Window: s.senders, InboundWindow: 1000, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Limiter: smpp.NewLimiter(smpp.Rate{PerSecond: float64(s.rate)}, smpp.Rate{}),
			Handler: smpp.Inline(smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
				from := smpp.SessionFrom(ctx)
				s.ledger.arrived(m, s.host.runOf(from.RemoteAddr()), from.LocalAddr().String()+" "+from.RemoteAddr().String())
				return nil, nil
			})),
		},
		Sessions: sessions, MinBackoff: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
		GiveUp: func(smpp.Link) bool { return false }, // it comes back
	}
}

// kill starts message centers and kills them, and returns the last one, which
// runs.
func (s *suite) kill(rnd *rand.Rand, rep *report) (*process, error) {
	for {
		p, err := s.host.start()
		if err != nil {
			return nil, err
		}
		if rep.Kills == s.crashes {
			if err := p.await(startTimeout); err != nil {
				_ = p.kill()
				return nil, err
			}
			return p, nil
		}
		switch way := rnd.IntN(20); {
		case way < 3 && p.run > 1:
			rep.WhileStarting++
			pause(p, time.Duration(rnd.Int64N(int64(150*time.Millisecond))))
		default:
			if err := p.await(startTimeout); err != nil {
				_ = p.kill()
				return nil, err
			}
			// Mostly soon, with what the last one left still on its way, sometimes late.
			pause(p, min(time.Duration(rnd.ExpFloat64()*float64(700*time.Millisecond)), 5*time.Second))
			if way >= 18 { // in the midst of a graceful stop
				rep.WhileStopping++
				if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
					return nil, err
				}
				pause(p, time.Duration(rnd.Int64N(int64(150*time.Millisecond))))
			} else {
				select {
				case <-p.ended:
					return nil, fmt.Errorf("run %d ended by itself (%v): %s", p.run, p.cmd.ProcessState, tail(p.log.Bytes()))
				default:
				}
			}
		}
		if err := p.kill(); err != nil {
			return nil, err
		}
		rep.Kills++
		if p.cmd.ProcessState.Exited() {
			rep.Stopped++
			s.host.mu.Lock()
			s.host.stopped[p.run] = true
			s.host.mu.Unlock()
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				s.ledger.fault("run %d ended with exit status %d: %s", p.run, code, tail(p.log.Bytes()))
			}
		}
		s.read(p, rep)
		if err := s.host.check(context.Background()); err != nil {
			s.ledger.fault("after run %d: %v", p.run, err)
		}
	}
}

// read looks at the log of a process that has ended.
func (s *suite) read(p *process, rep *report) {
	for line := range bytes.Lines(p.log.Bytes()) {
		if bytes.Contains(line, []byte("level=ERROR")) || bytes.Contains(line, []byte("panic")) {
			rep.Errors++
			s.ledger.fault("run %d: %s", p.run, bytes.TrimSpace(line))
		}
	}
}

// pause waits, unless the process ends by itself.
func pause(p *process, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ended:
	}
}

// send submits one message after the other, and cancels or replaces some.
func (s *suite) send(ctx context.Context, rnd *rand.Rand) {
	for ctx.Err() == nil {
		it := item{registered: pdu.FinalReceipt}
		switch way := rnd.IntN(16); {
		case way < 2:
			it.registered = pdu.NoReceipt
		case way < 3:
			it.registered = pdu.FailureReceipt
		}
		it.toESME = rnd.IntN(10) == 0 || s.once && rnd.IntN(2) == 0
		it.scheduled = rnd.IntN(16) == 0
		s.submit(ctx, s.ledger.add(it), rnd)
	}
}

func (s *suite) submit(ctx context.Context, it *item, rnd *rand.Rand) {
	m := &pdu.SubmitSM{Source: sender, Dest: pdu.International(fmt.Sprintf("4917%08d", rnd.IntN(20_000))), ShortMessage: []byte(it.first()), RegisteredDelivery: it.registered}
	if it.toESME {
		m.Dest = esme
		if s.once {
			m.ValidityPeriod = onceValidity
		}
	}
	if it.scheduled {
		m.ScheduleDeliveryTime = pdu.Time(fmt.Sprintf("0000000000%02d000R", 1+rnd.IntN(5)))
	}
	resp, err := s.client.Submit(ctx, m)
	s.ledger.update(func() {
		it.answered, it.outcome = true, smpp.Outcome(err)
		if err == nil {
			it.id = resp.MessageID
		}
	})
	if err != nil || it.toESME {
		return
	}
	// Scheduled ones are there to be cancelled and replaced; with others it is a race
	// against the delivery.
	switch way := rnd.IntN(32); {
	case it.scheduled && way < 8, way == 0:
		_, err := s.client.Cancel(ctx, &pdu.CancelSM{MessageID: it.id, Source: sender})
		s.ledger.update(func() { it.cancel = operation{true, smpp.Outcome(err)} })
	case it.scheduled && way < 16, way == 1:
		_, err := s.client.Replace(ctx, &pdu.ReplaceSM{MessageID: it.id, Source: sender, RegisteredDelivery: it.registered, ShortMessage: []byte(it.second())})
		s.ledger.update(func() { it.replace = operation{true, smpp.Outcome(err)} })
	}
}

// settle waits until everything that is still to come has come, and asks for the
// end of each message.
func (s *suite) settle(ctx context.Context) {
	s.await(ctx, "receipts")
	s.ledger.mu.Lock()
	items := s.ledger.items
	s.ledger.mu.Unlock()
	next := make(chan *item)
	var askers sync.WaitGroup
	for range s.senders {
		askers.Go(func() {
			for it := range next {
				s.ask(ctx, it)
			}
		})
	}
	for _, it := range items {
		if it.answered && it.outcome == smpp.Accepted {
			next <- it
		}
	}
	close(next)
	askers.Wait()
	s.await(ctx, "receipts of failures")
}

// await waits until nothing that the ledger knows of is missing.
func (s *suite) await(ctx context.Context, what string) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		n, changed := s.ledger.missing()
		if n == 0 {
			return
		}
		if time.Since(changed) > s.patience && time.Since(began) > s.patience {
			s.ledger.fault("%d %s have not come, and nothing has for %v", n, what, s.patience)
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask queries a message until it has come to its end.
func (s *suite) ask(ctx context.Context, it *item) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		resp, err := s.client.Query(ctx, &pdu.QuerySM{MessageID: it.id, Source: sender})
		switch {
		case err != nil:
			s.ledger.fault("%s (%s): query_sm: %v", it.first(), it.id, err)
			return
		case resp.State.Final():
			s.ledger.update(func() { it.end = resp.State })
			return
		case time.Since(began) > s.patience:
			s.ledger.fault("%s (%s): it is still %v", it.first(), it.id, resp.State)
			return
		}
	}
}
