package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
	"github.com/spf13/cobra"
)

type receiveFlags struct {
	connection   *connectionFlags
	pcap         *pcapFlags
	addressRange string
	json         bool
	count        int
	exec         string
	joinTimeout  time.Duration
	listen       string
	outbindFrom  string
}

func receiveCommand(a *app) *cobra.Command {
	f := &receiveFlags{}
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "Print the messages and receipts that come in",
		Long: `receive binds and prints each message and receipt until it is interrupted. The
parts of long messages are joined; what is incomplete after --join-timeout, or at
the end, is printed as far as it came.

What comes is up to the message center. That of "smpp serve" hands over the
receipts of the account and the messages to the addresses in --address-range;
they stay the account's for some minutes after receive has ended.

With --exec, a command is run for each of them, with the JSON on its standard
input and SMPP_KIND, SMPP_SOURCE, SMPP_DEST, SMPP_TEXT, SMPP_MESSAGE_ID and
SMPP_STATE in its environment. A message is acknowledged only when the command
has succeeded; when it fails, the message center is asked to keep the message.

With --listen, it does not connect but waits there for a message center that has
something for it: one that connects and sends an outbind is bound to, with the id
and password of --url, as often as one comes. Whoever connects is shown that
password, so beyond loopback --outbind-from is required.`,
		Example: `  smpp receive
  smpp receive --url smpp://acme:secret@smsc.example.com --bind transceiver --json
  smpp receive --address-range '^8080$' --count 1
  smpp receive --exec 'jq -r .text >> inbox.txt'
  smpp receive --listen 127.0.0.1:2776 --url smpp://acme:secret@smsc --outbind-from smpp:s3cret`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.receive(cmd, f) },
	}
	f.connection, f.pcap = addConnectionFlags(cmd, "receiver"), addPcapFlags(cmd, false)
	fs := cmd.Flags()
	fs.StringVar(&f.addressRange, "address-range", "", "addresses to receive for, an address or a regular expression (`range`)")
	fs.BoolVar(&f.json, "json", false, "print JSON, an object a line")
	fs.IntVarP(&f.count, "count", "n", 0, "end after this many messages and receipts (`number`)")
	fs.StringVar(&f.exec, "exec", "", "shell `command` to run for each message and receipt")
	fs.DurationVar(&f.joinTimeout, "join-timeout", 5*time.Minute, "how long to wait for the missing parts of a message (`duration`)")
	fs.StringVar(&f.listen, "listen", "", "wait at this `address` for message centers to connect and send an outbind")
	fs.StringVar(&f.outbindFrom, "outbind-from", "", "system_id and password that an outbind must have, `id:password`")
	return cmd
}

// A received is a message or receipt as receive prints it.
type received struct {
	Kind      string    `json:"kind"` // message, receipt or notification
	Time      time.Time `json:"time"`
	Source    string    `json:"source"`
	SourceTON uint8     `json:"source_ton"`
	Dest      string    `json:"dest"`
	DestTON   uint8     `json:"dest_ton"`
	Text      string    `json:"text"`
	Octets    string    `json:"octets,omitempty"` // hex, of a message whose octets are no text
	Parts     int       `json:"parts,omitempty"`
	Missing   []int     `json:"missing,omitempty"` // parts that never came
	Charset   string    `json:"charset,omitempty"`

	MessageID string     `json:"message_id,omitempty"` // of the message that a receipt is for
	State     string     `json:"state,omitempty"`
	Stat      string     `json:"stat,omitempty"`
	Err       string     `json:"err,omitempty"`
	Done      *time.Time `json:"done,omitempty"`
}

type receiver struct {
	a       *app
	cmd     *cobra.Command
	f       *receiveFlags
	profile sms.Profile
	joiner  sms.Joiner

	mu     sync.Mutex
	count  int // printed, or handed to --exec with success
	begun  int // those, and what --exec is at
	atEnd  atomic.Bool
	enough context.CancelFunc
}

func (a *app) receive(cmd *cobra.Command, f *receiveFlags) error {
	conn, err := f.connection.parse()
	if err != nil {
		return err
	}
	if conn.Bind == pdu.IDBindTransmitter {
		return usagef("--bind transmitter: a transmitter receives nothing")
	}
	if f.joinTimeout <= 0 {
		return usagef("--join-timeout %v: more than 0 is required", f.joinTimeout)
	}
	if err := cString(f.addressRange, 40); err != nil {
		return usagef("--address-range: %w", err)
	}
	if err := f.checkListen(conn); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	r := &receiver{a: a, cmd: cmd, f: f, enough: cancel}
	r.joiner.Expiry, r.joiner.Hold = f.joinTimeout, true
	r.joiner.Lost = func(m *sms.Message) {
		ctx := ctx
		if r.atEnd.Load() {
			ctx = context.WithoutCancel(ctx)
		}
		_ = r.emit(ctx, r.message(m))
	}
	defer func() { // the parts that have come were acknowledged
		r.atEnd.Store(true)
		_ = r.joiner.Expire(ctx, time.Now().Add(2*f.joinTimeout)) // never fails without a store
	}()

	mux := smpp.NewMux()
	handle := func(h smpp.Handler) smpp.Handler {
		if f.exec == "" {
			return smpp.Inline(h) // printing keeps the order
		}
		return h
	}
	mux.Handle(pdu.IDDeliverSM, handle(smpp.HandlerFor(func(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
		return nil, r.take(ctx, m)
	})))
	mux.Handle(pdu.IDDataSM, handle(smpp.HandlerFor(func(ctx context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) {
		return nil, r.take(ctx, m)
	})))
	smpp.HandleNotice(mux, func(_ context.Context, m *pdu.AlertNotification) {
		if f.json {
			r.print(received{Kind: "alert", Time: time.Now(), Source: m.Source.String(), SourceTON: uint8(m.Source.TON), Dest: m.ESME.String(), DestTON: uint8(m.ESME.TON)})
			return
		}
		_, _ = fmt.Fprintf(a.stdout, "%v is available again\n", m.Source)
	})
	trace, logged, err := f.pcap.open(a, cmd)
	if err != nil {
		return err
	}
	defer logged()
	config := smpp.Config{Handler: mux, AddressRange: pdu.Address{Addr: f.addressRange}, InboundWindow: 100, Trace: trace}
	if f.listen != "" {
		return r.await(ctx, conn, config)
	}
	s, err := conn.dial(ctx, config)
	if err != nil {
		return err
	}
	return r.until(ctx, s, conn.String())
}

// checkListen checks the flags about outbinds.
func (f *receiveFlags) checkListen(conn *connection) error {
	if f.listen == "" {
		if f.outbindFrom != "" {
			return usagef("--outbind-from: it says more about --listen, which is missing")
		}
		return nil
	}
	addr, err := net.ResolveTCPAddr("tcp", f.listen)
	switch {
	case err != nil:
		return usagef("--listen %q: %w", f.listen, err)
	case !addr.IP.IsLoopback() && f.outbindFrom == "":
		return usagef("--listen %q: others can reach this address and would be shown the password; say with --outbind-from whom to trust, or listen on 127.0.0.1", f.listen)
	case conn.TLS != nil && len(conn.TLS.Certificates) == 0:
		return usagef("--listen: with an ssmpp:// URL, --tls-cert is required")
	}
	return nil
}

// await binds to each message center that asks for it, until ctx ends.
func (r *receiver) await(ctx context.Context, conn *connection, config smpp.Config) error {
	l, err := net.Listen("tcp", r.f.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if conn.TLS != nil {
		l = tls.NewListener(l, conn.TLS)
	}
	conn.configure(&config)
	id, password, _ := strings.Cut(r.f.outbindFrom, ":")
	ol := smpp.ListenOutbind(l, &config, func(_ context.Context, o *pdu.Outbind) error {
		known := smpp.SecureEqual(o.SystemID, id) && smpp.SecureEqual(o.Password, password)
		if r.f.outbindFrom != "" && !known {
			return errors.New("--outbind-from names another")
		}
		return nil
	})
	stop := context.AfterFunc(ctx, func() { _ = ol.Close() })
	defer func() {
		stop()
		_ = ol.Close()
	}()
	_, _ = fmt.Fprintf(r.a.stderr, "waiting for an outbind on %v; interrupt to end\n", ol.Addr())
	for {
		s, err := ol.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = s.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.until(ctx, s, s.RemoteAddr().String()); err != nil {
			r.a.warn(r.cmd, "%w; waiting for the next outbind", err)
		}
	}
}

// until prints what comes on a session, until it or ctx ends.
func (r *receiver) until(ctx context.Context, s *smpp.Session, peer string) error {
	_, _ = fmt.Fprintf(r.a.stderr, "bound to %s as %s, v%v; interrupt to end\n", peer, r.f.connection.bind, s.Version())
	tick := time.NewTicker(max(r.f.joinTimeout/4, 100*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = r.joiner.Expire(ctx, time.Now()) // never fails without a store
		case <-s.Done():
			return s.Err()
		case <-ctx.Done():
			shut, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = s.Shutdown(shut) // what was printed is acknowledged, or comes again
			return nil
		}
	}
}

// take handles one PDU. A nil error acknowledges it.
func (r *receiver) take(ctx context.Context, b pdu.Body) error {
	if !r.wantsMore() {
		return pdu.StatusTemporaryAppError
	}
	if receipt, ok := r.profile.ReadReceipt(b); ok {
		m, _ := r.profile.Read(b)
		e := received{Kind: "receipt", Time: time.Now(), Source: m.Source.String(), SourceTON: uint8(m.Source.TON), Dest: m.Dest.String(), DestTON: uint8(m.Dest.TON),
			Text: receipt.Text, MessageID: receipt.ID, Stat: receipt.Stat, Err: receipt.Err}
		if receipt.Intermediate {
			e.Kind = "notification"
		}
		if receipt.HasState {
			e.State = receipt.State.String()
		}
		if !receipt.DoneDate.IsZero() {
			e.Done = &receipt.DoneDate
		}
		return r.emit(ctx, e)
	}
	m, err := r.joiner.Add(ctx, time.Now(), b)
	if err != nil || m == nil {
		return err // parts are missing: those that came are kept
	}
	if err := r.emit(ctx, r.message(m)); err != nil {
		return err // the last part comes again, and completes the message again
	}
	return r.joiner.Done(ctx, m)
}

func (r *receiver) message(m *sms.Message) received {
	e := received{Kind: "message", Time: time.Now(), Source: m.Source.String(), SourceTON: uint8(m.Source.TON), Dest: m.Dest.String(), DestTON: uint8(m.Dest.TON),
		Text: m.Text, Parts: len(m.Parts), Missing: m.Missing}
	if m.Charset != nil {
		e.Charset = m.Charset.String()
	}
	if !m.Known {
		e.Octets = hex.EncodeToString(m.Octets())
	}
	return e
}

// wantsMore reports whether --count allows for another message.
func (r *receiver) wantsMore() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.count <= 0 || r.begun < r.f.count
}

// begin is wantsMore, for a message that counts from then on.
func (r *receiver) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f.count > 0 && r.begun >= r.f.count && !r.atEnd.Load() {
		return false
	}
	r.begun++
	return true
}

func (r *receiver) emit(ctx context.Context, e received) error {
	if !r.begin() {
		return pdu.StatusTemporaryAppError // for whoever comes next
	}
	if r.f.exec != "" {
		if err := r.run(ctx, e); err != nil {
			r.mu.Lock()
			r.begun--
			r.mu.Unlock()
			r.a.warn(r.cmd, "--exec: %w; the message center is asked to keep the message", err)
			return pdu.StatusTemporaryAppError
		}
	} else {
		r.print(e)
	}
	r.mu.Lock()
	r.count++
	done := r.f.count > 0 && r.count >= r.f.count
	r.mu.Unlock()
	if done {
		r.enough()
	}
	return nil
}

func (r *receiver) print(e received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.f.json {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err == nil {
			_, _ = r.a.stdout.Write(b.Bytes())
		}
		return
	}
	var line string
	switch {
	case e.Kind != "message":
		line = fmt.Sprintf("%s %s: message %s to %s is %s", e.Time.Format(time.TimeOnly), e.Kind, e.MessageID, e.Source, orWord(e.State, e.Stat))
		if strings.Trim(e.Err, "0") != "" {
			line += " (err " + e.Err + ")"
		}
	default:
		line = fmt.Sprintf("%s %s -> %s: %s", e.Time.Format(time.TimeOnly), orNone(e.Source), orNone(e.Dest), printableText(e.Text))
		if len(e.Missing) > 0 {
			line += fmt.Sprintf(" (parts %v never came)", e.Missing)
		}
	}
	_, _ = fmt.Fprintln(r.a.stdout, line)
}

func orNone(address string) string {
	if address == "" {
		return "(none)"
	}
	return printableText(address)
}

func orWord(a, b string) string {
	switch {
	case a != "":
		return a
	case b != "":
		return b
	}
	return "in an unknown state"
}

// printableText keeps a message from playing tricks on a terminal: control
// characters other than line breaks and tabs are shown as what they are.
func printableText(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n' || c == '\t':
			b.WriteRune(c)
		case c < 0x20 || c >= 0x7F && c < 0xA0:
			fmt.Fprintf(&b, "\\x%02x", c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (r *receiver) run(ctx context.Context, e received) error {
	input, err := json.Marshal(e)
	if err != nil {
		return err
	}
	shell := []string{"/bin/sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	c := exec.CommandContext(ctx, shell[0], shell[1], r.f.exec)
	c.WaitDelay = 5 * time.Second
	c.Stdin = bytes.NewReader(append(input, '\n'))
	c.Stdout, c.Stderr = r.a.stdout, r.a.stderr
	c.Env = append(os.Environ(), "SMPP_KIND="+e.Kind, "SMPP_SOURCE="+e.Source, "SMPP_DEST="+e.Dest,
		"SMPP_TEXT="+strings.ReplaceAll(e.Text, "\x00", ""), "SMPP_MESSAGE_ID="+e.MessageID, "SMPP_STATE="+e.State)
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Errorf("%q ended with %v", r.f.exec, exit.ProcessState)
		}
		return err
	}
	return nil
}
