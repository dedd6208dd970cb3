package smpptest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/smpptest"
)

// A recordingTB keeps the errors that a script reports.
type recordingTB struct {
	mu       sync.Mutex
	errs     []string
	cleanups []func()
	ctx      context.Context
}

func (tb *recordingTB) Helper() {}
func (tb *recordingTB) Errorf(format string, args ...any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.errs = append(tb.errs, fmt.Sprintf(format, args...))
}
func (tb *recordingTB) Fatalf(format string, args ...any) { tb.Errorf(format, args...) }
func (tb *recordingTB) Cleanup(f func())                  { tb.cleanups = append(tb.cleanups, f) }
func (tb *recordingTB) Context() context.Context          { return tb.ctx }

func (tb *recordingTB) end() []string {
	for _, f := range tb.cleanups {
		f()
	}
	return tb.errs
}

var message = &pdu.SubmitSM{Dest: pdu.International("491701234567"), ShortMessage: []byte("hi")}

// bind binds to a script over a pipe.
func bind(t *testing.T, script *smpptest.Script, c *smpp.Config) *smpp.Session {
	t.Helper()
	s, err := smpp.Bind(t.Context(), script.Conn(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestScriptByDefault(t *testing.T) {
	script := smpptest.NewScript(t)
	script.Version = pdu.V50
	s := bind(t, script, &smpp.Config{Version: pdu.V50})
	if s.SystemID() != "script" || s.Version() != pdu.V50 {
		t.Errorf("%q, %v", s.SystemID(), s.Version())
	}
	for want := range 3 {
		resp, err := s.Submit(t.Context(), message)
		if err != nil || resp.MessageID != fmt.Sprint(want+1) {
			t.Errorf("%v, %v", resp, err)
		}
	}
	for _, req := range []pdu.Body{
		&pdu.EnquireLink{}, &pdu.DataSM{}, &pdu.CancelSM{}, &pdu.ReplaceSM{}, &pdu.QuerySM{}, &pdu.QueryBroadcastSM{}, &pdu.CancelBroadcastSM{},
		&pdu.SubmitMulti{Dests: pdu.To(pdu.International("1"))},
	} {
		if _, err := s.RoundTrip(t.Context(), req); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.RoundTrip(t.Context(), &pdu.Unknown{ID: 0x00010200}); !errors.Is(err, pdu.StatusInvalidCommandID) {
		t.Error(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(script.Received(pdu.IDSubmitSM)); n != 3 {
		t.Errorf("%d submit_sm received", n)
	}
}

func TestScriptFaults(t *testing.T) {
	timeout := &smpp.Config{ResponseTimeout: time.Second, EnquireLink: -1, Window: 3}
	id := func(resp *pdu.SubmitSMResp, err error) string {
		switch {
		case errors.Is(err, smpp.ErrTimeout):
			return "timeout"
		case errors.Is(err, net.ErrClosed):
			return "closed"
		case err != nil:
			return err.Error()
		}
		return resp.MessageID
	}
	for _, test := range []struct {
		name  string
		steps []smpptest.Step
		want  []string // of submissions one after the other
	}{
		{"none", nil, []string{"1", "2"}},
		{"drop", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Drop(), smpptest.AnswerDefault()}, []string{"timeout", "2"}},
		{"duplicate", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Duplicate(), smpptest.AnswerDefault()}, []string{"1", "2"}},
		{"wrong sequence", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.ShiftSequence(1000), smpptest.AnswerDefault()}, []string{"timeout", "2"}},
		{"late", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(3 * time.Second), smpptest.AnswerDefault()}, []string{"timeout", "2"}},
		{"late, in time", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Delay(time.Second / 2), smpptest.AnswerDefault()}, []string{"1", "2"}},
		{"byte by byte", []smpptest.Step{smpptest.ByteByByte()}, []string{"1", "2"}},
		{"never answered", []smpptest.Step{smpptest.On(pdu.IDSubmitSM)}, []string{"timeout", "timeout"}},
		{"on", []smpptest.Step{smpptest.On(pdu.IDSubmitSM, smpptest.Answer(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "x"}))}, []string{"x", "x"}},
		{"hung", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.AnswerDefault(), smpptest.StopReading()}, []string{"1", "timeout"}},
		{"closed", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Close()}, []string{"closed", "closed"}},
		{"closed in a frame", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.CloseAfter(10), smpptest.AnswerDefault()}, []string{"closed", "closed"}},
		{"half closed", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.CloseWrite()}, []string{"closed"}},
		{"refused", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusQueueFull, nil)},
			[]string{"submit_sm refused: " + pdu.StatusQueueFull.Error(), "1"}},
		{"nack", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Nack(pdu.StatusInvalidCommandID)},
			[]string{"submit_sm refused by generic_nack: " + pdu.StatusInvalidCommandID.Error(), "1"}},
		{"mangled", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Mangle(func(b []byte) []byte { return bytes.Replace(b, []byte("1\x00"), []byte("9\x00"), 1) }),
			smpptest.AnswerDefault()}, []string{"9", "2"}},
		{"repeat", []smpptest.Step{smpptest.Repeat(2, smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(pdu.StatusOK, nil))}, []string{"", "", "1"}},
		{"latency", []smpptest.Step{smpptest.Latency(2 * time.Second)}, []string{"timeout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := bind(t, smpptest.NewScript(t, append([]smpptest.Step{smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault()}, test.steps...)...), timeout)
				for i, want := range test.want {
					if got := id(s.Submit(t.Context(), message)); got != want {
						t.Errorf("submission %d: %s, not %s", i+1, got, want)
					}
					time.Sleep(5 * time.Second)
				}
			})
		})
	}
}

func TestScriptReorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := bind(t, smpptest.NewScript(t, smpptest.Expect(pdu.IDBindTransceiver), smpptest.AnswerDefault(), smpptest.Reorder(3)), nil)
		var order []string
		var all sync.WaitGroup
		all.Add(3)
		for range 3 {
			err := smpp.Go(t.Context(), s, message, func(resp *pdu.SubmitSMResp, err error) {
				order = append(order, resp.MessageID)
				all.Done()
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		all.Wait()
		if got := strings.Join(order, ""); got != "321" {
			t.Error(got)
		}
	})
}

func TestScriptAsClient(t *testing.T) {
	mux := smpp.NewMux()
	smpp.Handle(mux, func(context.Context, *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
		return &pdu.SubmitSMResp{MessageID: "7"}, nil
	})
	srv := smpptest.NewServer(mux)
	defer srv.Close()
	script := smpptest.NewScript(t,
		smpptest.BindSteps(pdu.V50),
		smpptest.SendPDU(pdu.Header{Sequence: 77}, message),
		smpptest.ExpectNext(pdu.IDSubmitSM.Response(), smpptest.Body(func(m *pdu.SubmitSMResp) error {
			if m.MessageID != "7" {
				return fmt.Errorf("message id %q", m.MessageID)
			}
			return nil
		})),
		smpptest.Func(func(last smpptest.Received, _ net.Conn) error {
			if last.Header.Sequence != 77 {
				return fmt.Errorf("sequence %d", last.Header.Sequence)
			}
			return nil
		}),
		smpptest.SendRaw([]byte("\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x09")),
		smpptest.Expect(pdu.IDEnquireLinkResp),
		smpptest.SendRaw(make([]byte, 16)),
		smpptest.Expect(pdu.IDGenericNack),
		smpptest.ExpectClose(),
	)
	script.Dial(srv.Listener.Addr().String())
	script.Wait()
}

// The steps go on from one connection to the next.
func TestScriptAcrossConnections(t *testing.T) {
	script := smpptest.NewScript(t,
		smpptest.Expect(pdu.IDSubmitSM),
		smpptest.Close(),
		smpptest.Expect(pdu.IDSubmitSM),
		smpptest.Answer(pdu.StatusOK, &pdu.SubmitSMResp{MessageID: "second"}),
	)
	url := script.URL()
	s, err := smpp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), message); smpp.Outcome(err) != smpp.Unknown {
		t.Error(err)
	}
	<-s.Done()
	if s, err = smpp.Dial(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if resp, err := s.Submit(t.Context(), message); err != nil || resp.MessageID != "second" {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestScriptReports(t *testing.T) {
	for _, test := range []struct {
		name  string
		steps []smpptest.Step
		want  []string
	}{
		{"unmet", []smpptest.Step{smpptest.Expect(pdu.IDQuerySM)}, []string{"step 1 of 1, Expect(query_sm), was not done", "submit_sm, 47 octets", "short_message"}},
		{"another came", []smpptest.Step{smpptest.ExpectNext(pdu.IDBindTransceiver), smpptest.AnswerDefault(), smpptest.ExpectNext(pdu.IDQuerySM)},
			[]string{"step 3 of 3, ExpectNext(query_sm): a submit_sm came instead", "short_message"}},
		{"check", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM, smpptest.Body(func(*pdu.SubmitSM) error { return errors.New("not to my liking") })), smpptest.AnswerDefault()},
			[]string{"not to my liking", "destination_addr"}},
		{"body of another type", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM, smpptest.Body(func(*pdu.QuerySM) error { return nil })), smpptest.AnswerDefault()},
			[]string{"*pdu.SubmitSM", "*pdu.QuerySM"}},
		{"answer that cannot be", []smpptest.Step{smpptest.Expect(pdu.IDSubmitSM), smpptest.Answer(0, &pdu.SubmitSMResp{MessageID: strings.Repeat("x", 70)}), smpptest.AnswerDefault()},
			[]string{"message_id"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tb := &recordingTB{ctx: t.Context()}
				s, err := smpp.Bind(t.Context(), smpptest.NewScript(tb, test.steps...).Conn(), &smpp.Config{Password: "sesame"})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Submit(t.Context(), message); err != nil {
					t.Error(err)
				}
				_ = s.Close()
				got := strings.Join(tb.end(), "\n")
				for _, want := range test.want {
					if !strings.Contains(got, want) {
						t.Errorf("%q is not in the report:\n%s", want, got)
					}
				}
				if strings.Contains(got, "sesame") {
					t.Errorf("the report shows the password:\n%s", got)
				}
			})
		})
	}
}

func TestScriptWaitReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := &recordingTB{ctx: t.Context()}
		script := smpptest.NewScript(tb, smpptest.Expect(pdu.IDQuerySM))
		conn := script.Conn()
		script.Wait()
		_ = conn.Close()
		if errs := tb.end(); len(errs) != 1 || !strings.Contains(errs[0], "nothing was received") {
			t.Errorf("%q", errs)
		}
	})
}
