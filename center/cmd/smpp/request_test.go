package main_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

func TestRequest(t *testing.T) {
	isolate(t)
	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
		resp := &pdu.SubmitMultiResp{MessageID: "multi"}
		for _, d := range m.Dests {
			if d.List == "nobody" {
				resp.Failed = append(resp.Failed, pdu.Unsuccessful{Address: pdu.Address{Addr: d.List}, Status: pdu.StatusInvalidDistributionList})
			}
		}
		return resp, nil
	})
	smpp.Handle(mux, func(ctx context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) {
		s := smpp.SessionFrom(ctx)
		go func() {
			_, _ = s.Deliver(context.Background(), &pdu.DeliverSM{Source: m.Dest, ShortMessage: []byte("an answer")})
		}()
		return &pdu.DataSMResp{MessageID: "data"}, nil
	})
	smpp.Handle(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) { return nil, pdu.StatusInvalidDest })
	srv := smpptest.NewServer(mux)
	t.Cleanup(func() { srv.Close() })
	file := filepath.Join(t.TempDir(), "pdu.json")
	if err := os.WriteFile(file, []byte(`[{"command":"data_sm","body":{}}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	const multi = `{"command":"submit_multi","sequence_number":77,"body":{"dest_address":[{"dest_flag":1,"destination_addr":"1"},{"dest_flag":2,"dl_name":"nobody"}]}}`
	for _, c := range []struct {
		name   string
		stdin  string
		args   []string
		status int
		stdout []string // what is printed has them
		stderr string
	}{
		{"a dump", "", []string{multi}, 0, []string{"submit_multi_resp, ", `message_id: "multi"`, `destination_addr: "nobody"`}, ""},
		{"JSON", "", []string{"--json", multi}, 0, []string{`{"command":"submit_multi_resp"`, `"sequence_number":2`, `"message_id":"multi"`}, ""},
		{"a file", "", []string{file}, 0, []string{`message_id: "data"`}, ""},
		{"standard input", `{"command":"data_sm","body":{}}` + "\n" + multi, nil, 0, []string{`message_id: "data"`, `message_id: "multi"`}, ""},
		{"what comes then", "", []string{"--stay", "300ms", `{"command":"data_sm","body":{"destination_addr":"8080"}}`}, 0,
			[]string{"data_sm_resp", "deliver_sm, ", `source_addr: "8080"`, `text: "an answer"`}, ""},
		{"refused", "", []string{multi, `{"command":"submit_sm","body":{}}`}, 1, []string{"multi", "ESME_RINVDSTADR"}, "1 of 2 requests were refused"},
		{"of a vendor", "", []string{`{"command":"unknown","command_id":66048,"body":{"raw":"00"}}`}, 1, []string{"generic_nack, ", "ESME_RINVCMDID"}, "1 of 1 requests"},
		{"octets as they are", "", []string{`{"raw":"00000010000000040000000000000001"}`}, 1, []string{"submit_sm_resp, ", "ESME_RINVCMDLEN"}, "1 of 1 requests"},
		{"a response", "", []string{`{"command":"submit_sm_resp"}`}, 1, nil, "no request"},
		{"not in this state", "", []string{`{"command":"bind_receiver"}`}, 1, nil, "bind_receiver"},
		{"no such field", "", []string{`{"command":"submit_sm","body":{"nosuch":1}}`}, 1, nil, "body.nosuch: there is no such field"},
		{"nothing", "", nil, 2, nil, "nothing to send"},
		{"no such file", "", []string{"nosuch.json"}, 1, nil, "nosuch.json"},
		{"bad stay", "", []string{"--stay", "-1s", multi}, 2, nil, "--stay"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, c.stdin, append([]string{"request", "--url", srv.URL}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d; want %d: %s", status, c.status, stderr)
			}
			for _, want := range c.stdout {
				if !strings.Contains(stdout, want) {
					t.Errorf("no %q in\n%s", want, stdout)
				}
			}
			if !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
				t.Errorf("stderr %q; want %q in it", stderr, c.stderr)
			}
		})
	}
}

// What send says of how a message is to be handled is in the message.
func TestSendHandling(t *testing.T) {
	isolate(t)
	var got *pdu.SubmitSM
	mux := smpp.NewMux()
	smpp.Handle(mux, func(_ context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		got = pdu.Clone(m)
		return &pdu.SubmitSMResp{MessageID: "1"}, nil
	})
	srv := smpptest.NewServer(mux)
	t.Cleanup(func() { srv.Close() })
	for _, c := range []struct {
		args   []string
		want   func(*pdu.SubmitSM) bool // nil: refused
		stderr string
	}{
		{[]string{"hi"}, func(m *pdu.SubmitSM) bool {
			return m.ESMClass == 0 && m.RegisteredDelivery == 0 && m.ReplaceIfPresent == 0
		}, ""},
		{[]string{"--mode", "datagram", "hi"}, func(m *pdu.SubmitSM) bool { return m.ESMClass == pdu.ModeDatagram }, ""},
		{[]string{"--mode", "transaction", "hi"}, func(m *pdu.SubmitSM) bool { return m.ESMClass == pdu.ModeForward }, ""},
		{[]string{"--mode", "store", "--ports", "9204", "hi"}, func(m *pdu.SubmitSM) bool { return m.ESMClass == pdu.ModeStoreAndForward|pdu.UDHI }, ""},
		{[]string{"--replace-if-present", "hi"}, func(m *pdu.SubmitSM) bool { return m.ReplaceIfPresent == 1 }, ""},
		{[]string{"--registered-delivery", "2", "hi"}, func(m *pdu.SubmitSM) bool { return m.RegisteredDelivery == pdu.FailureReceipt }, ""},
		{[]string{"--default-message", "7"}, func(m *pdu.SubmitSM) bool { return m.DefaultMessageID == 7 && len(m.ShortMessage) == 0 }, ""},
		{[]string{"--mode", "express", "hi"}, nil, "--mode"},
		{[]string{"--registered-delivery", "256", "hi"}, nil, "0 to 255"},
		{[]string{"--registered-delivery", "1", "--receipt", "hi"}, nil, "one of both"},
		{[]string{"--default-message", "255"}, nil, "1 to 254"},
		{[]string{"--default-message", "1", "hi"}, nil, "either"},
		{[]string{"--replace-if-present", strings.Repeat("long ", 100)}, nil, "replace_if_present_flag"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got = nil
			status, _, stderr := run(t, "", append([]string{"send", "--url", srv.URL, "--to", "8080"}, c.args...)...)
			switch {
			case c.want == nil:
				if status != 2 || got != nil || !strings.Contains(stderr, c.stderr) {
					t.Errorf("exit status %d, %q; want 2 and %q in it", status, stderr, c.stderr)
				}
			case status != 0 || got == nil || !c.want(got):
				t.Errorf("exit status %d, %s; %+v", status, stderr, got)
			}
		})
	}
}

// An ESME that waits for an outbind is bound when one comes, as often as one
// comes, and hangs up on others.
func TestReceiveListens(t *testing.T) {
	isolate(t)
	stdout, stderr, stop := started(t, "receive", "--listen", "127.0.0.1:0", "--url", "smpp://acme:secret@anywhere", "--outbind-from", "smsc:s3cret", "--json")
	var addr string
	eventually(t, "an address", func() bool {
		_, after, ok := strings.Cut(stderr.String(), "waiting for an outbind on ")
		addr, _, _ = strings.Cut(after, ";")
		return ok && addr != ""
	})
	srv := &smpp.Server{SystemID: "smsc", Authenticate: func(_ context.Context, b *pdu.Bind) (*smpp.Account, error) {
		if b.SystemID != "acme" || b.Password != "secret" {
			return nil, pdu.StatusBindFailed
		}
		return new(smpp.Account), nil
	}}
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if s, err := srv.Outbind(ctx, "smpp://"+addr, &pdu.Outbind{SystemID: "smsc", Password: "wrong"}); err == nil {
		t.Errorf("a wrong outbind is bound to: %v", s)
	}
	for _, text := range []string{"first", "second"} {
		s, err := srv.Outbind(ctx, "smpp://"+addr, &pdu.Outbind{SystemID: "smsc", Password: "s3cret"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Deliver(ctx, &pdu.DeliverSM{ShortMessage: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two messages", func() bool { return strings.Count(stdout.String(), "\n") == 2 })
	if status := stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	var texts []string
	for line := range strings.Lines(stdout.String()) {
		var m struct{ Text string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, m.Text)
	}
	if strings.Join(texts, ",") != "first,second" {
		t.Errorf("received %v", texts)
	}
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, "others can reach this address"},
		{[]string{"--listen", "nonsense"}, "--listen"},
		{[]string{"--outbind-from", "a:b"}, "--listen, which is missing"},
		{[]string{"--listen", "127.0.0.1:0", "--url", "ssmpp://a:b@c"}, "--tls-cert"},
	} {
		if status, _, stderr := run(t, "", append([]string{"receive"}, c.args...)...); status != 2 || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%v: exit status %d, %q", c.args, status, stderr)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if status, _, stderr := run(t, "", "receive", "--listen", taken.Addr().String()); status != 1 || !strings.Contains(stderr, "in use") {
		t.Errorf("exit status %d, %q", status, stderr)
	}
}
