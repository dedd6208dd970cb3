package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	main "github.com/godwit-sms/smpp/center/cmd/smpp"
	"github.com/godwit-sms/smpp/center/handset"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
	"github.com/godwit-sms/smpp/sms"
)

// A center is a message center that answers with ids 1, 2, ... and, asked for
// one, with a receipt of the given state.
func newCenter(t *testing.T, state pdu.MessageState) *smpptest.Server {
	t.Helper()
	var last atomic.Int64
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		switch m.Dest.Addr {
		case "666":
			return nil, pdu.StatusInvalidDest
		case "429":
			return nil, pdu.StatusThrottled
		}
		id := fmt.Sprint(last.Add(1))
		if m.RegisteredDelivery.Receipt() == pdu.FinalReceipt {
			receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: id, State: state, HasState: true})
			if err != nil {
				return nil, err
			}
			go func() { _, _ = smpp.SessionFrom(ctx).Deliver(context.Background(), receipt) }()
		}
		return &pdu.SubmitSMResp{MessageID: id}, nil
	})
	srv := smpptest.NewServer(mux)
	t.Cleanup(func() { srv.Close() })
	return srv
}

// A buffer may be read while the command writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func run(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	status = main.Run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// takes is how send says what a message takes.
var takes = regexp.MustCompile(`^[1-9][0-9]* parts?, [a-z0-9-]+, [0-9]+ [A-Za-z0-9 -]+\n`)

func TestSend(t *testing.T) {
	isolate(t)
	delivered, undelivered := newCenter(t, pdu.StateDelivered), newCenter(t, pdu.StateUndeliverable)
	long := strings.Repeat("0123456789", 40)
	for _, c := range []struct {
		name   string
		url    string
		stdin  string
		args   []string
		status int
		stdout []string // lines, in which # stands for an id
		stderr string
	}{
		{"one part", delivered.URL, "", []string{"--to", "491701234567", "hello"}, 0, []string{"#"}, ""},
		{"words are joined", delivered.URL, "", []string{"--to", "8080", "hello", "there"}, 0, []string{"#"}, ""},
		{"standard input", delivered.URL, "hello\n", []string{"--to", "8080"}, 0, []string{"#"}, ""},
		{"parts", delivered.URL, "", []string{"--to", "8080", long}, 0, []string{"# (part 1 of 3)", "# (part 2 of 3)", "# (part 3 of 3)"}, ""},
		{"payload", delivered.URL, "", []string{"--to", "8080", "--method", "payload", long}, 0, []string{"#"}, ""},
		{"receipt", delivered.URL, "", []string{"--to", "8080", "--receipt", "hello"}, 0, []string{"#", "# delivered"}, ""},
		{"receipts of parts", delivered.URL, "", []string{"--to", "8080", "--receipt", long}, 0,
			[]string{"# (part 1 of 3)", "# (part 2 of 3)", "# (part 3 of 3)", "# delivered", "# delivered", "# delivered"}, ""},
		{"not delivered", undelivered.URL, "", []string{"--to", "8080", "--receipt", "hello"}, 1, []string{"#", "# undeliverable"}, "1 of 1 parts not delivered"},
		{"refused", delivered.URL, "", []string{"--to", "666", "hello"}, 1, nil, "ESME_RINVDSTADR"},
		{"throttled", delivered.URL, "", []string{"--to", "429", "--timeout", "300ms", "hello"}, 1, nil, "ESME_RTHROTTLED"},
		{"durations in v3.3", delivered.URL, "", []string{"--to", "8080", "--smpp-version", "3.3", "--schedule", "90m", "--validity", "2h", "hello"}, 0, []string{"#"}, ""},
		{"no text", delivered.URL, "\n", []string{"--to", "8080"}, 2, nil, "there is no text"},
		{"octets and text", delivered.URL, "", []string{"--to", "8080", "--binary", "00", "hello"}, 2, nil, "either octets or a text"},
		{"a number with a letter", delivered.URL, "", []string{"--to", "4917x", "hello"}, 2, nil, "a number is required"},
		{"a long name", delivered.URL, "", []string{"--to", "8080", "--from", "TooLongSenderName", "hello"}, 2, nil, "at most 11"},
		{"no destination", delivered.URL, "", []string{"hello"}, 2, nil, "--to: a destination is required"},
		{"not in the alphabet", delivered.URL, "", []string{"--to", "8080", "--coding", "gsm7", "Привет"}, 2, nil, "П"},
		{"bad time", delivered.URL, "", []string{"--to", "8080", "--validity", "soon", "hello"}, 2, nil, "--validity"},
		{"too long a time", delivered.URL, "", []string{"--to", "8080", "--schedule", "2400h", "hello"}, 2, nil, "less than 100 days"},
		{"bad TLV", delivered.URL, "", []string{"--to", "8080", "--tlv", "nonsense=00", "hello"}, 2, nil, "nonsense"},
		{"bad UDH", delivered.URL, "", []string{"--to", "8080", "--udh", "05", "hello"}, 2, nil, "--udh"},
		{"bad coding", delivered.URL, "", []string{"--to", "8080", "--coding", "ebcdic", "hello"}, 2, nil, "ebcdic"},
		{"receipt of the last part", delivered.URL, "", []string{"--to", "8080", "--receipt", "--receipt-on-last", long}, 0,
			[]string{"# (part 1 of 3)", "# (part 2 of 3)", "# (part 3 of 3)", "# delivered"}, ""},
		{"no receipt at all", delivered.URL, "", []string{"--to", "8080", "--receipt-on-last", long}, 2, nil, "--receipt-on-last"},
		{"too many parts", delivered.URL, "", []string{"--to", "8080", "--max-parts", "2", long}, 2, nil, "3 parts"},
		{"bad most parts", delivered.URL, "", []string{"--to", "8080", "--max-parts", "256", long}, 2, nil, "--max-parts"},
		{"bad ports", delivered.URL, "", []string{"--to", "8080", "--ports", "2948:x", "hello"}, 2, nil, "--ports"},
		{"coding of octets", delivered.URL, "", []string{"--to", "8080", "--coding", "gsm7", "--binary", "00"}, 2, nil, "--coding"},
		{"data_coding of text for octets", delivered.URL, "", []string{"--to", "8080", "--data-coding", "0", "--binary", "00"}, 2, nil, "--data-coding 0: it announces text"},
		{"ambiguous number", delivered.URL, "", []string{"--to", "170-123-4567", "hello"}, 2, nil, "plus sign"},
		{"name of other characters", delivered.URL, "", []string{"--to", "8080", "--from", "Žižka", "hello"}, 2, nil, "Ž"},
		{"bad method", delivered.URL, "", []string{"--to", "8080", "--method", "pigeon", "hello"}, 2, nil, "pigeon"},
		{"long address", delivered.URL, "", []string{"--to", strings.Repeat("1", 21), "hello"}, 2, nil, "at most 15"},
		{"long address as it is", delivered.URL, "", []string{"--to", strings.Repeat("1", 21), "--to-ton", "0", "hello"}, 2, nil, "at most 20"},
		{"receiver", delivered.URL, "", []string{"--to", "8080", "--bind", "receiver", "hello"}, 2, nil, "a receiver cannot send"},
		{"receipt for a transmitter", delivered.URL, "", []string{"--to", "8080", "--receipt", "--bind", "transmitter", "hello"}, 2, nil, "--receipt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, c.stdin, append([]string{"send", "--url", c.url}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d; %s", status, c.status, stderr)
			}
			var lines []string
			for line := range strings.Lines(stdout) {
				id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				if strings.Trim(id, "0123456789") != "" || id == "" {
					t.Errorf("%q does not begin with a message id", line)
				}
				lines = append(lines, strings.TrimSpace("# "+rest))
			}
			if got, want := strings.Join(lines, "\n"), strings.Join(c.stdout, "\n"); got != want {
				t.Errorf("printed\n%s\nwant\n%s", got, want)
			}
			if status == 0 || c.status == 1 {
				taken := takes.FindString(stderr)
				if taken == "" {
					t.Errorf("stderr %q does not say what the message takes", stderr)
				}
				stderr = stderr[len(taken):]
			}
			if !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("stderr %q, want %q in it", stderr, c.stderr)
			}
			if strings.Contains(stdout+stderr, smpptest.Password) {
				t.Errorf("the password is shown: %s%s", stdout, stderr)
			}
		})
	}
}

// A receipt for somebody else's message is left to the message center, and a
// send that waits for none does not even bind for them.
func TestSendLeavesReceiptsOfOthers(t *testing.T) {
	isolate(t)
	answers := make(chan error, 1)
	mux := smpp.NewMux()
	smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		s := smpp.SessionFrom(ctx)
		var receipts []*pdu.DeliverSM
		for _, id := range []string{"other", "mine"} {
			receipt, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: id, State: pdu.StateDelivered, HasState: true})
			if err != nil {
				return nil, err
			}
			receipts = append(receipts, receipt)
		}
		go func() {
			_, err := s.Deliver(context.Background(), receipts[0])
			_, _ = s.Deliver(context.Background(), receipts[1]) // with which the ESME is through
			answers <- err
		}()
		return &pdu.SubmitSMResp{MessageID: "mine"}, nil
	})
	srv := smpptest.NewServer(mux)
	t.Cleanup(func() { srv.Close() })
	if status, stdout, stderr := run(t, "", "send", "--url", srv.URL, "--to", "8080", "--receipt", "hello"); status != 0 || stdout != "mine\nmine delivered\n" {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
	if err := <-answers; !errors.Is(err, pdu.StatusTemporaryAppError) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the receipt of another message was answered %v", err)
	}
	if status, _, stderr := run(t, "", "send", "--url", srv.URL, "--to", "8080", "hello"); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	var state *smpp.StateError
	if err := <-answers; !errors.As(err, &state) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("a transmitter was delivered to: %v", err)
	}
}

// A receipt is found again in each form that the simulated handset has, but for
// the two that nothing can be read from, and one that is of no end.
func TestSendFindsReceipts(t *testing.T) {
	isolate(t)
	for _, form := range handset.ReceiptForms() {
		t.Run(form, func(t *testing.T) {
			s := serve(t, "--simulate", "deliver:delay=0s,receipt="+form)
			args := []string{"send", "--url", "smpp://demo:demo@" + s.address, "--to", "491701234567", "--receipt"}
			if slices.Contains([]string{"comma-separated-another-format", "plain-message-that-only-looks-a-bit-like-a-receipt", "intermediate-notification"}, form) {
				if status, _, stderr := run(t, "", append(args, "--receipt-timeout", "200ms", "hello")...); status != 1 || !strings.Contains(stderr, "no receipt within 200ms") {
					t.Errorf("exit status %d: %s", status, stderr)
				}
				return
			}
			for _, text := range []string{"hello", strings.Repeat("letters ", 50)} {
				status, stdout, stderr := run(t, "", append(args, "--receipt-timeout", "10s", text)...)
				if strings.Contains(stderr, "waiting for the receipt") || form == "vendor-state-word" && !strings.Contains(stdout, " NOROUTE\n") || strings.Count(stdout, "\n") != 2 && strings.Count(stdout, "\n") != 6 {
					t.Errorf("exit status %d: %s%s", status, stdout, stderr)
				}
			}
		})
	}
}

// With a rule it is the rule that counts, and without one what fits one message
// alone.
func TestSendReceiptRule(t *testing.T) {
	isolate(t)
	for _, tt := range []struct {
		name    string
		ids     []string // of the parts
		receipt []string // in the receipts
		rule    string
		source  string // of the receipts; empty: where the message went
		found   bool
	}{
		{"exact", []string{"11"}, []string{"11"}, "", "", true},
		{"as hexadecimal", []string{"17"}, []string{"11"}, "", "", true},
		{"as decimal", []string{"1a"}, []string{"26"}, "", "", true},
		{"padded", []string{"17"}, []string{"0000000017"}, "", "", true},
		{"upper case", []string{"ab-1"}, []string{"AB-1"}, "", "", true},
		{"from another number", []string{"17"}, []string{"11"}, "", "4917099", false},
		{"from the number without its country", []string{"17"}, []string{"11"}, "", "01234567", true},
		{"of two at once", []string{"16", "22", "7"}, []string{"16", "22", "7"}, "", "", true},
		{"two that fit", []string{"ab", "AB", "7"}, []string{"aB", "Ab", "7"}, "", "", false},
		{"by its rule", []string{"17"}, []string{"11"}, "decimal-to-hex", "", true},
		{"by another rule", []string{"17"}, []string{"17"}, "decimal-to-hex", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			mux := smpp.NewMux()
			var mu sync.Mutex
			smpp.Handle(mux, func(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
				mu.Lock()
				defer mu.Unlock()
				i := n
				n++
				r, err := sms.Profile{}.WriteReceipt(m, sms.Receipt{ID: tt.receipt[i], State: pdu.StateDelivered, HasState: true})
				if err != nil {
					return nil, err
				}
				if tt.source != "" {
					r.Source.Addr = tt.source
				}
				go func() { _, _ = smpp.SessionFrom(ctx).Deliver(context.Background(), r) }() // it may be refused
				return &pdu.SubmitSMResp{MessageID: tt.ids[i]}, nil
			})
			srv := smpptest.NewServer(mux)
			defer srv.Close()
			text := "hello"
			if len(tt.ids) > 1 {
				text = strings.Repeat("letters ", 50)
			}
			args := []string{"send", "--url", srv.URL, "--to", "+491701234567", "--receipt", "--receipt-timeout", "10s", text}
			if !tt.found {
				args[len(args)-2] = "100ms"
			}
			if tt.rule != "" {
				args = append(args, "--receipt-id", tt.rule)
			}
			status, stdout, stderr := run(t, "", args...)
			for _, id := range tt.ids {
				if strings.Contains(stdout, id+" delivered\n") != tt.found && id != "7" {
					t.Errorf("exit status %d: %s%s", status, stdout, stderr)
				}
			}
		})
	}
	if status, _, stderr := run(t, "", "send", "--url", "smpp://demo:demo@127.0.0.1:1", "--to", "8080", "--receipt", "--receipt-id", "some", "hello"); status != 2 || !strings.Contains(stderr, `--receipt-id "some"`) {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// What cannot be printed is a failure.
func TestStandardOutputFull(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	for _, args := range [][]string{{"send", "--url", srv.URL, "--to", "8080", "hello"}, {"ping", "--url", srv.URL, "-n", "1"}, {"version"}, {"send", "--help"}} {
		var stderr buffer
		if status := main.Run(t.Context(), args, strings.NewReader(""), full{}, &stderr); status != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: exit status %d: %s", args, status, &stderr)
		}
	}
}

// What the flags say is what the message center gets.
func TestSendFields(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	status, stdout, stderr := run(t, "", "send", "--url", srv.URL, "--smpp-version", "5.0", "--to", "+447700900123", "--from", "ACME", "--udh", "0605040B8423F0",
		"--binary", "0106", "--tlv", "user_message_reference=BEEF", "--tlv", "0x1400=00ff", "--schedule", "90m", "--validity", "240301123000000+",
		"--priority", "2", "--protocol-id", "64", "--service-type", "WAP", "--json")
	if status != 0 {
		t.Fatal(stderr)
	}
	var report struct {
		MessageID string `json:"message_id"`
		Parts     int    `json:"parts"`
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || report.Parts != 1 || report.MessageID == "" {
		t.Errorf("%v: %s", err, stdout)
	}
	got := smpptest.Bodies[*pdu.SubmitSM](srv)
	if len(got) != 1 {
		t.Fatalf("%d submissions", len(got))
	}
	m := got[0]
	ref, _ := pdu.TLVUserMessageReference.Get(m.TLVs)
	vendor, _ := m.TLVs.Get(0x1400)
	for what, ok := range map[string]bool{
		"source":      m.Source == pdu.Alphanumeric("ACME"),
		"destination": m.Dest == pdu.International("447700900123"),
		"esm_class":   m.ESMClass == pdu.UDHI,
		"octets":      string(m.ShortMessage) == "\x06\x05\x04\x0B\x84\x23\xF0\x01\x06",
		"data_coding": m.DataCoding == pdu.CodingOctets,
		"schedule":    m.ScheduleDeliveryTime == "000000013000000R",
		"validity":    m.ValidityPeriod == "240301123000000+",
		"priority":    m.PriorityFlag == 2,
		"protocol":    m.ProtocolID == 64,
		"service":     m.ServiceType == "WAP",
		"reference":   ref == 0xBEEF,
		"vendor TLV":  string(vendor) == "\x00\xff",
	} {
		if !ok {
			t.Errorf("%s is wrong: %+v", what, m)
		}
	}
}

// started runs the command beside the test.
func started(t *testing.T, args ...string) (stdout, stderr *buffer, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stdout, stderr = new(buffer), new(buffer)
	ended := make(chan int, 1)
	go func() { ended <- main.Run(ctx, args, strings.NewReader(""), stdout, stderr) }()
	status := -1
	var once sync.Once
	stop = func() int {
		once.Do(func() {
			cancel()
			status = <-ended
		})
		return status
	}
	t.Cleanup(func() { stop() })
	return stdout, stderr, stop
}

// bound waits for a session that can be delivered to.
func bound(t *testing.T, srv *smpptest.Server) *smpp.Session {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		for _, s := range srv.Sessions() {
			if st := s.State(); st == smpp.StateBoundRX || st == smpp.StateBoundTRX {
				return s
			}
		}
		<-tick.C
	}
	t.Fatal("nobody bound to receive")
	return nil
}

func TestReceive(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	stdout, stderr, stop := started(t, "receive", "--url", srv.URL, "--json", "--count", "3")
	s := bound(t, srv)
	long := strings.Repeat("long text, ", 30)
	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{Source: pdu.International("447700900123"), Dest: pdu.ShortCode("8080")}, long, nil)
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(m *pdu.SubmitSM) error {
		_, err := s.Deliver(t.Context(), &pdu.DeliverSM{Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass, DataCoding: m.DataCoding, ShortMessage: m.ShortMessage})
		return err
	}
	for i := range parts { // the last part first
		if err := deliver(parts[len(parts)-1-i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := deliver(&pdu.SubmitSM{Source: pdu.Alphanumeric("x"), ShortMessage: []byte("a\x1b<b")}); err != nil {
		t.Fatal(err)
	}
	receipt, err := sms.Profile{}.WriteReceipt(parts[0], sms.Receipt{ID: "4711", State: pdu.StateExpired, HasState: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deliver(t.Context(), receipt); err != nil {
		t.Fatal(err)
	}
	<-s.Done() // after three it ends by itself
	if status := stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	type event struct {
		Kind, Source, Text, State string
		Parts                     int
		MessageID                 string `json:"message_id"`
	}
	var got []event
	for line := range strings.Lines(stdout.String()) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		got = append(got, e)
	}
	want := []event{
		{"message", "+447700900123", long, "", len(parts), ""},
		{"message", "x", "a[b", "", 1, ""},
		{"receipt", "8080", long[:20], "expired", 0, "4711"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("printed %v, want %v", got, want)
	}
}

// A message is acknowledged when the command that takes it has succeeded.
func TestReceiveExec(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a POSIX shell is needed")
	}
	isolate(t)
	for _, c := range []struct {
		name, command string
		want          error
		status        int
	}{
		{"success", `test "$SMPP_TEXT" = hello && grep -q '"text":"hello"'`, nil, 0},
		{"failure", "exit 3", pdu.StatusTemporaryAppError, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := newCenter(t, pdu.StateDelivered)
			_, stderr, stop := started(t, "receive", "--url", srv.URL, "--exec", c.command)
			s := bound(t, srv)
			_, err := s.Deliver(t.Context(), &pdu.DeliverSM{ShortMessage: []byte("hello")})
			if !errors.Is(err, c.want) {
				t.Errorf("answered %v, want %v; %s", err, c.want, stderr)
			}
			if status := stop(); status != c.status {
				t.Errorf("exit status %d; %s", status, stderr)
			}
		})
	}
}

// Control characters of a message do not reach the terminal.
// Parts that were acknowledged are printed when receive ends before the others
// have come.
func TestReceiveEndsWithAPart(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	stdout, stderr, stop := started(t, "receive", "--url", srv.URL)
	s := bound(t, srv)
	if _, err := s.Deliver(t.Context(), &pdu.DeliverSM{Source: pdu.ShortCode("8080"), ESMClass: pdu.UDHI, ShortMessage: []byte("\x05\x00\x03\x01\x02\x01half")}); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); got != "" {
		t.Errorf("printed before the end: %q", got)
	}
	if status := stop(); status != 0 || !strings.Contains(stdout.String(), "8080 -> (none): half (parts [2] never came)\n") {
		t.Errorf("exit status %d, printed %q; %s", status, stdout, stderr)
	}
}

// What comes beyond --count is left to the message center.
func TestReceiveNoMoreThanCount(t *testing.T) {
	isolate(t)
	config := filepath.Join(t.TempDir(), "center.yaml")
	if err := os.WriteFile(config, []byte("accounts: [{id: demo, password: demo, addresses: [\"8080\"]}]\nretry: [10ms]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", config, "--grace", "0s")
	url := "smpp://demo:demo@" + s.address
	for i := range 7 {
		if status, _, stderr := run(t, "", "send", "--url", url, "--to", "8080", fmt.Sprint("message ", i)); status != 0 {
			t.Fatal(stderr)
		}
	}
	seen := map[string]bool{}
	handing := []string{"--count", "2"}
	if runtime.GOOS != "windows" { // a POSIX shell is needed
		handing = append(handing, "--exec", `echo "handed: $SMPP_TEXT"`)
	}
	for _, args := range [][]string{{"--count", "2"}, handing, {"--count", "3"}} {
		status, stdout, stderr := run(t, "", append([]string{"receive", "--url", url}, args...)...)
		if want := args[1]; status != 0 || fmt.Sprint(strings.Count(stdout, "\n")) != want {
			t.Fatalf("%v: exit status %d: %s%s", args, status, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			_, text, _ := strings.Cut(line, ": ")
			seen[text] = true
		}
	}
	if len(seen) != 7 {
		t.Errorf("received %v; want all 7, each once", seen)
	}
}

func TestReceiveForPeople(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	stdout, _, stop := started(t, "receive", "--url", srv.URL, "--count", "1")
	s := bound(t, srv)
	if _, err := s.Deliver(t.Context(), &pdu.DeliverSM{Source: pdu.ShortCode("8080"), DataCoding: pdu.CodingLatin1, ShortMessage: []byte("a\x1b[2Jb")}); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	stop()
	if got := stdout.String(); !strings.Contains(got, `8080 -> (none): a\x1b[2Jb`) {
		t.Errorf("printed %q", got)
	}
}

func TestPing(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	locked := smpptest.NewUnstartedServer(nil)
	locked.Authenticate = func(context.Context, *pdu.Bind) (*smpp.Account, error) { return nil, pdu.StatusBindFailed }
	locked.Start()
	t.Cleanup(func() { locked.Close() })
	secure := smpptest.NewTLSServer(nil)
	t.Cleanup(func() { secure.Close() })
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for _, c := range []struct {
		name   string
		args   []string
		status int
		stdout string
		stderr string
	}{
		{"fine", []string{"--url", srv.URL, "--count", "2", "--interval", "1ms"}, 0, "2 answered", ""},
		{"JSON", []string{"--url", srv.URL, "--count", "1", "--json"}, 0, `"count":1`, ""},
		{"nobody listens", []string{"--url", "smpp://a:hunter2@" + nobody.Addr().String()}, 1, "", "nothing listens there"},
		{"wrong password", []string{"--url", locked.URL}, 1, "", "check the id and password"},
		{"untrusted certificate", []string{"--url", secure.URL}, 1, "", "--tls-ca"},
		{"TLS where there is none", []string{"--url", "s" + srv.URL, "--timeout", "5s"}, 1, "", "smpp"},
		{"no TLS where there is some", []string{"--url", strings.TrimPrefix(secure.URL, "s")}, 1, "", "TLS"},
		{"no answer", []string{"--url", "smpp://a:hunter2@" + silent.Addr().String(), "--timeout", "100ms"}, 1, "", "no answer within 100ms"},
		{"bad count", []string{"--url", srv.URL, "--count", "-1"}, 2, "", "--count -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, "", append([]string{"ping"}, c.args...)...)
			if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("exit status %d, want %d\n%s%s", status, c.status, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, smpptest.Password) || strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("the password is shown: %s%s", stdout, stderr)
			}
		})
	}
}

// UNKNOWN is no end to wait for, but who waited in vain is told.
func TestSendWithAReceiptOfUnknown(t *testing.T) {
	isolate(t)
	s := serve(t, "--simulate", "deliver:delay=0s", "--grace", "0s")
	status, stdout, stderr := run(t, "", "send", "--url", "smpp://demo:demo@"+s.address, "--to", "491701234567", "--receipt", "--receipt-timeout", "500ms", "#unknown")
	if status != 1 || strings.Contains(stdout, "unknown") || !strings.Contains(stderr, "no receipt within 500ms (--receipt-timeout); the last that came said unknown\n") {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
}

func TestBench(t *testing.T) {
	isolate(t)
	srv := newCenter(t, pdu.StateDelivered)
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"blocking", []string{"-n", "300", "--window", "5", "--conns", "2"}, 300},
		{"async", []string{"-n", "300", "--window", "5", "--style", "async"}, 300},
		{"rate", []string{"-n", "20", "--rate", "2000"}, 20},
		{"fewer than senders", []string{"-n", "3", "--window", "10"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, "", append([]string{"bench", "--url", srv.URL, "--json"}, c.args...)...)
			var r struct {
				Messages int            `json:"messages"`
				Errors   map[string]int `json:"errors"`
				Latency  map[string]int `json:"latency"`
			}
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || status != 0 {
				t.Fatalf("exit status %d, %v: %s%s", status, err, stdout, stderr)
			}
			if r.Messages != c.want || len(r.Errors) > 0 || r.Latency["p50_us"] == 0 {
				t.Errorf("%s", stdout)
			}
		})
	}
	if status, _, stderr := run(t, "", "bench", "--url", srv.URL, "--idle", "--conns", "20", "--duration", "20ms"); status != 0 || !strings.Contains(stderr, "20 sessions bound") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, _, stderr := run(t, "", "bench", "--url", srv.URL, "--style", "sideways"); status != 2 || !strings.Contains(stderr, "sideways") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, stdout, stderr := run(t, "", "bench", "--url", srv.URL, "-n", "20", "--window", "100000"); status != 0 {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
	for _, args := range [][]string{{"--window", "100001"}, {"--conns", "60001"}, {"--bind", "receiver"}} {
		if status, _, stderr := run(t, "", append([]string{"bench", "--url", srv.URL, "-n", "1"}, args...)...); status != 2 || !strings.Contains(stderr, args[0]) {
			t.Errorf("%v: exit status %d: %s", args, status, stderr)
		}
	}
	if status, _, stderr := run(t, "", "bench", "--url", srv.URL, "--size", "7"); status != 2 || !strings.Contains(stderr, "7") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}
