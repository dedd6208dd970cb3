package smpp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

const (
	hostileRole  = "SMPP_HOSTILE_ROLE"   // set for the processes that the test starts
	hostileFor   = "SMPP_HOSTILE_FOR"    // how long each phase lasts; unset: a moment
	hostileConns = 1000                  // of the hostile process
	hostileRSS   = 64 << 20              // by which they may raise that of the server
	hostilePace  = 20 * time.Millisecond // between two writes of one that floods: 50 times 8 KB a second, for as long as they are read
)

// A thousand connections that mean harm, from a process of their own, against a
// server in a process of its own: its memory stays within bounds, and a session
// that means well is served throughout.
//
// How fast the good session is depends on what else the machine does: none of its
// requests may take ten seconds. What they cost the server does not: that is held
// to half a processor. With SMPP_HOSTILE_FOR=20s, on a machine that does nothing
// else, the good session has to keep 80 % of its rate as well.
//
// The race detector takes memory and time of its own for each goroutine, which
// are many here, so that under it no more is held than that each request of the
// good session is answered in time.
//
// The hostile side shares the processors with what is measured. It is therefore
// bounded in what it sends: its connections write every 20 ms at most, and come
// back half a second after they were hung up on.
func TestHostile(t *testing.T) {
	if os.Getenv(hostileRole) != "" {
		t.Skip("this is one of its processes")
	}
	if testing.Short() {
		t.Skip("many connections")
	}
	phase, keeps := 1600*time.Millisecond, 0.0
	if v := os.Getenv(hostileFor); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		phase, keeps = d, 0.8
	}
	server := startRole(t, "server")
	addr := server.line()
	good, err := smpp.Dial(t.Context(), "smpp://good:secret@"+addr, &smpp.Config{Window: 10, ResponseTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	server.load(good, phase/4)
	alone := server.load(good, phase)
	before := server.rss()

	hostile := startRole(t, "hostile", addr)
	if got := hostile.line(); got != "connected" {
		t.Fatalf("the hostile side says %q", got)
	}
	var most int64
	var during load
	theirs := hostile.cpu()
	for range 8 {
		l := server.load(good, phase/4)
		during.n, during.took, during.cpu = during.n+l.n, during.took+l.took, during.cpu+l.cpu
		most = max(most, server.rss())
	}
	theirs = hostile.cpu() - theirs
	cost := server.cpu()
	start := time.Now()
	<-time.After(phase) // with the good session silent
	share := (server.cpu() - cost).Seconds() / time.Since(start).Seconds()
	stats := server.ask("stats")
	hostile.stop() // ends with the counts
	counts := hostile.line()
	server.load(good, phase/4)
	after := server.load(good, phase)
	calm := load{alone.n + after.n, alone.took + after.took, alone.cpu + after.cpu}
	t.Logf("good session: alone %v; with %d hostile connections %v; afterwards %v: %.0f %% of its rate", alone, hostileConns, during, after, 100*during.rate()/calm.rate())
	t.Logf("server: %.1f MiB before, at most %.1f MiB more; %s", float64(before)/(1<<20), float64(most-before)/(1<<20), stats)
	t.Logf("hostile: %s, %v of processor time; they take %.2f processors of the server", counts, theirs, share)
	if !raceEnabled && before > 0 && most-before > hostileRSS {
		t.Errorf("the resident memory of the server rose by %.1f MiB, more than %d", float64(most-before)/(1<<20), hostileRSS>>20)
	}
	if !raceEnabled && share > 0.5 {
		t.Errorf("the hostile connections take %.2f processors of the server", share)
	}
	if during.rate() < keeps*calm.rate() {
		t.Errorf("the good session kept %.0f %% of its rate", 100*during.rate()/calm.rate())
	}
	if err := good.EnquireLink(t.Context()); err != nil {
		t.Errorf("the good session: %v", err)
	}
}

// A load is what a good session did in a phase, and what it cost the server.
type load struct {
	n         int64
	took, cpu time.Duration
}

func (l load) rate() float64 { return float64(l.n) / l.took.Seconds() }

func (l load) each() time.Duration { return l.cpu / time.Duration(max(l.n, 1)) }

func (l load) String() string {
	return fmt.Sprintf("%.0f a second at %v of the server each", l.rate(), l.each())
}

// load submits for a while, ten at a time.
func (r *role) load(s *smpp.Session, d time.Duration) load {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), d)
	defer cancel()
	var n atomic.Int64
	var wg sync.WaitGroup
	start, cpu := time.Now(), r.cpu()
	for range 10 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Submit(context.Background(), message); err != nil {
					r.t.Errorf("the good session: %v", err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return load{n.Load(), time.Since(start), r.cpu() - cpu}
}

// A role is a process of the test: it prints lines, and ends when its input
// does.
type role struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startRole(t *testing.T, name string, args ...string) *role {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=^TestHostileRole$", "-test.timeout=30m"}, "--")...)
	cmd.Args = append(cmd.Args, args...)
	cmd.Env = append(os.Environ(), hostileRole+"="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &role{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() {
		r.stop()
		_, _ = io.Copy(io.Discard, r.out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	return r
}

func (r *role) stop() { _ = r.in.Close() }

func (r *role) line() string {
	r.t.Helper()
	s, err := r.out.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

func (r *role) ask(what string) string {
	r.t.Helper()
	if _, err := fmt.Fprintln(r.in, what); err != nil {
		r.t.Fatal(err)
	}
	return r.line()
}

// rss returns the resident memory of the process, or 0 where there is no /proc.
func (r *role) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, v, _ := bytes.Cut(b, []byte("VmRSS:"))
	n, err := strconv.ParseInt(string(bytes.Fields(v)[0]), 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return n << 10
}

// cpu returns the processor time that the process has taken, or 0 where there is
// no /proc.
func (r *role) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // from the third field on
	var ticks int64
	for _, v := range f[11:13] {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
}

// TestHostileRole is what the processes of TestHostile run.
func TestHostileRole(t *testing.T) {
	switch os.Getenv(hostileRole) {
	case "server":
		hostileServer(t)
	case "hostile":
		args := os.Args[slices.Index(os.Args, "--")+1:]
		hostileSide(t, args[0])
	default:
		t.Skip("a process of TestHostile")
	}
}

func hostileServer(t *testing.T) {
	mux := smpp.NewMux()
	smpp.HandleInline(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	smpp.Handle(mux, func(ctx context.Context, _ *pdu.QuerySM) (*pdu.QuerySMResp, error) { // a backend that hangs
		<-ctx.Done()
		return nil, ctx.Err()
	})
	srv := &smpp.Server{Handler: mux, Logger: quiet, Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if !smpp.SecureEqual(b.Password, "secret") {
			return nil, pdu.StatusBindFailed
		}
		if b.SystemID == "hostile" { // floods of good requests are a matter of rates
			return &smpp.Account{SessionRate: smpp.Rate{PerSecond: 100}}, nil
		}
		return &smpp.Account{}, nil
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	fmt.Println(l.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Printf("%+v\n", srv.Stats())
	}
	_ = srv.Close()
	if err := <-served; !errors.Is(err, smpp.ErrServerClosed) {
		t.Error(err)
	}
}

// A wrong is a kind of hostile connection. It returns when the connection has
// ended.
type wrong struct {
	name string
	do   func(c *hostileConn)
}

type hostileConn struct {
	net.Conn
	rng  *rand.Rand
	stop <-chan struct{}
}

// pause waits, and reports whether to go on.
func (c *hostileConn) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.stop:
		return false
	}
}

// send writes and lets the peer go on.
func (c *hostileConn) send(b []byte) bool {
	_, err := c.Write(b)
	return err == nil
}

// flood writes b again and again, and reads the answers or not.
func (c *hostileConn) flood(b []byte, reads bool) {
	if reads {
		go func() { _, _ = io.Copy(io.Discard, c.Conn) }()
	}
	for c.send(b) && c.pause(hostilePace) {
	}
}

// linger reads until the peer hangs up.
func (c *hostileConn) linger() { _, _ = io.Copy(io.Discard, c.Conn) }

func (c *hostileConn) bind() bool {
	return c.send(hostilePDU(trx("hostile", "secret"))) && func() bool {
		head := make([]byte, 16)
		if _, err := io.ReadFull(c, head); err != nil {
			return false
		}
		_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head))-16)
		return err == nil && binary.BigEndian.Uint32(head[8:]) == 0
	}()
}

func hostilePDU(body pdu.Body) []byte {
	b, err := pdu.Append(nil, pdu.Header{Sequence: 1}, body)
	if err != nil {
		panic(err)
	}
	return b
}

// begun is the start of a submit_sm that announces n octets.
func begun(n uint32, octets int) []byte {
	b := binary.BigEndian.AppendUint32(nil, n)
	b = binary.BigEndian.AppendUint32(b, uint32(pdu.IDSubmitSM))
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 1)
	return append(b, make([]byte, octets)...)
}

// emptyTLVs is a submit_sm of nothing but TLVs without a value.
func emptyTLVs(octets int) []byte {
	b := hostilePDU(message)
	for len(b) < octets-4 {
		b = binary.BigEndian.AppendUint32(b, 0x3FFF0000)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

func hostileSide(t *testing.T, addr string) {
	enquire := bytes.Repeat(hostilePDU(&pdu.EnquireLink{}), 512)
	unknown := bytes.Repeat(begun(16, 0), 512)
	for i := 0; i < len(unknown); i += 16 {
		binary.BigEndian.PutUint32(unknown[i+4:], 0x00010777)
	}
	submits := bytes.Repeat(hostilePDU(message), 100)
	badBinds := bytes.Repeat(hostilePDU(trx("guess", "guess")), 100)
	query := bytes.Repeat(hostilePDU(&pdu.QuerySM{MessageID: "1"}), 100)
	wrongs := []wrong{
		{"garbage", func(c *hostileConn) {
			b := make([]byte, 4096)
			for i := range b {
				b[i] = byte(c.rng.Uint32())
			}
			if c.send(b) {
				c.linger()
			}
		}},
		{"HTTP", func(c *hostileConn) {
			if c.send([]byte("GET / HTTP/1.1\r\nHost: smsc.example\r\n\r\n")) {
				c.linger()
			}
		}},
		{"TLS hello", func(c *hostileConn) {
			if c.send(append([]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), make([]byte, 506)...)) {
				c.linger()
			}
		}},
		{"half-open", func(c *hostileConn) { c.linger() }},
		{"one octet at a time", func(c *hostileConn) {
			b := hostilePDU(trx("guess", "guess"))
			for i := range b {
				if !c.send(b[i:i+1]) || !c.pause(200*time.Millisecond) {
					return
				}
			}
		}},
		{"giant announcement", func(c *hostileConn) {
			if c.send(begun(1<<31-1, 1000)) {
				c.linger()
			}
		}},
		{"unfinished PDU", func(c *hostileConn) {
			if c.send(begun(4000, 3000)) {
				c.linger()
			}
		}},
		{"binds, not read", func(c *hostileConn) { c.flood(badBinds, false) }},
		{"binds, read", func(c *hostileConn) { c.flood(badBinds, true) }},
		{"enquire_link before the bind, not read", func(c *hostileConn) { c.flood(enquire, false) }},
		{"enquire_link before the bind, read", func(c *hostileConn) { c.flood(enquire, true) }},
		{"submit_sm before the bind, not read", func(c *hostileConn) { c.flood(submits, false) }},
		{"enquire_link, not read", func(c *hostileConn) {
			if c.bind() {
				c.flood(enquire, false)
			}
		}},
		{"enquire_link, read", func(c *hostileConn) {
			if c.bind() {
				c.flood(enquire, true)
			}
		}},
		{"unknown commands, read", func(c *hostileConn) {
			if c.bind() {
				c.flood(unknown, true)
			}
		}},
		{"submit_sm, not read", func(c *hostileConn) {
			if c.bind() {
				c.flood(submits, false)
			}
		}},
		{"query_sm that hang, not read", func(c *hostileConn) {
			if c.bind() {
				c.flood(query, false)
			}
		}},
		{"an unfinished PDU once bound", func(c *hostileConn) {
			if c.bind() && c.send(begun(60000, 50000)) {
				c.linger()
			}
		}},
		{"empty TLVs", func(c *hostileConn) {
			if c.bind() {
				b := emptyTLVs(100_000)
				go c.linger()
				for c.send(b) && c.pause(time.Second) {
				}
			}
		}},
	}
	stop := make(chan struct{})
	var connected atomic.Int64
	var wg sync.WaitGroup
	all := make(chan struct{})
	for i := range hostileConns {
		w := wrongs[i%len(wrongs)]
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for first := true; ; first = false {
				conn, err := net.Dial("tcp", addr)
				c := &hostileConn{conn, rng, stop}
				if err == nil {
					if first && connected.Add(1) == hostileConns {
						close(all)
					}
					ended := make(chan struct{})
					go func() {
						select {
						case <-stop:
						case <-ended:
						}
						_ = conn.Close()
					}()
					w.do(c)
					close(ended)
					if !first {
						connected.Add(1)
					}
				}
				if !c.pause(500 * time.Millisecond) {
					return
				}
			}
		})
	}
	<-all
	fmt.Println("connected")
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(stop)
	wg.Wait()
	fmt.Printf("%d connections of %d kinds\n", connected.Load(), len(wrongs))
}
