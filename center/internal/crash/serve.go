package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// A host runs one message center after the other on the same data, and is how
// clients reach the one that runs.
type host struct {
	program, dir, data string

	mu        sync.Mutex
	run       int    // number of the one that runs, from 1 on
	address   string // where it listens; empty: not yet, or no more
	runs      map[string]int
	kills     map[int]time.Time // by run
	stopped   map[int]bool      // runs that ended by themselves
	listening chan struct{}     // closed when address is set
}

func newHost(c config) *host {
	h := &host{program: c.program, dir: c.dir, data: filepath.Join(c.dir, "data"), runs: make(map[string]int), kills: make(map[int]time.Time), stopped: make(map[int]bool), listening: make(chan struct{})}
	if c.memory {
		h.data = ""
	}
	return h
}

// rest waits until nothing waits any more.
func (h *host) rest(ctx context.Context, patience time.Duration) error {
	if h.data == "" {
		return nil
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		out, err := exec.CommandContext(ctx, h.program, "ps", "--data", h.data, "--queues", "3", "--json").CombinedOutput()
		var s struct{ Waiting, Scheduled, Receipts, Away int }
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		switch {
		case err != nil:
			return fmt.Errorf("smpp ps: %w: %s", err, out)
		case s.Waiting+s.Scheduled+s.Receipts+s.Away == 0:
			return nil
		case time.Since(began) > patience:
			return fmt.Errorf("something still waits: %s", out)
		}
	}
}

// check looks for faults in what is on the disk, while nobody uses it.
func (h *host) check(ctx context.Context) error {
	if h.data == "" {
		return nil
	}
	if out, err := exec.CommandContext(ctx, h.program, "store", "check", h.data).CombinedOutput(); err != nil {
		return fmt.Errorf("smpp store check: %w: %s", err, out)
	}
	return nil
}

// DialContext connects to the message center that runs, or waits for it.
func (h *host) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	for {
		h.mu.Lock()
		address, listening := h.address, h.listening
		h.mu.Unlock()
		if address != "" {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		select {
		case <-listening:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// runOf returns the run that a session's address belongs to.
func (h *host) runOf(a net.Addr) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs[a.String()]
}

// A process is a message center that runs.
type process struct {
	host  *host
	run   int
	cmd   *exec.Cmd
	log   bytes.Buffer // standard error; to be read when it has ended
	ready chan struct{}
	ended chan struct{}
}

var listeningOn = regexp.MustCompile(`listening on ([0-9.:]+)`)

// start starts a message center. It is ready, or ended, later.
func (h *host) start() (*process, error) {
	h.mu.Lock()
	h.run++
	p := &process{host: h, run: h.run, ready: make(chan struct{}), ended: make(chan struct{})}
	h.mu.Unlock()
	p.cmd = exec.Command(h.program, "serve", "--config", filepath.Join(h.dir, "center.yaml"), "--listen", "127.0.0.1:0", "--http", "", "--data", h.data)
	p.cmd.Stderr = &p.log
	// Nothing of the caller's settings, which might be for another one.
	p.cmd.Env = []string{"HOME=" + h.dir, "TMPDIR=" + os.TempDir()}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := listeningOn.FindStringSubmatch(lines.Text()); m != nil {
				h.mu.Lock()
				h.address, h.runs[m[1]] = m[1], p.run
				close(h.listening)
				h.mu.Unlock()
				close(p.ready)
				break
			}
		}
		for lines.Scan() { // it must not block
		}
		_ = p.cmd.Wait()
		h.mu.Lock()
		h.kills[p.run] = time.Now()
		if h.address != "" {
			h.address, h.listening = "", make(chan struct{})
		}
		h.mu.Unlock()
		close(p.ended)
	}()
	return p, nil
}

// kill ends the process as nothing else does: SIGKILL.
func (p *process) kill() error {
	now := time.Now()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	p.host.mu.Lock()
	p.host.kills[p.run] = now
	p.host.mu.Unlock()
	return nil
}

// await waits until the message center serves.
func (p *process) await(timeout time.Duration) error {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return fmt.Errorf("run %d ended by itself (%v): %s", p.run, p.cmd.ProcessState, tail(p.log.Bytes()))
	case <-t.C:
		return fmt.Errorf("run %d does not serve after %v", p.run, timeout)
	}
}

// tail returns the end of a log.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
