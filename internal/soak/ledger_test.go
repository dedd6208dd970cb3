package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// The judge finds what is wrong, and nothing else.
func TestLedgerJudges(t *testing.T) {
	refused := &smpp.ResponseError{Status: pdu.StatusThrottled}
	unsent := &smpp.RequestError{Err: errors.New("no session")}
	unknown := &smpp.RequestError{Sent: true, Err: smpp.ErrTimeout}
	resp := func(id uint64) pdu.Body { return &pdu.SubmitSMResp{MessageID: name(id)} }
	for _, test := range []struct {
		name    string
		happens func(l *ledger, id uint64)
		want    string // empty: nothing is wrong
	}{
		{"answered", func(l *ledger, id uint64) { l.accept(id, true, true); l.tell(id, nil, resp(id)) }, ""},
		{"answered, doubled", func(l *ledger, id uint64) {
			l.double(id)
			l.accept(id, true, true)
			l.accept(id, true, true)
			l.tell(id, nil, resp(id))
		}, ""},
		{"refused", func(l *ledger, id uint64) { l.tell(id, refused, nil) }, ""},
		{"never sent", func(l *ledger, id uint64) { l.tell(id, unsent, nil) }, ""},
		{"unknown, accepted", func(l *ledger, id uint64) { l.accept(id, true, true); l.tell(id, unknown, nil) }, ""},
		{"unknown, not accepted", func(l *ledger, id uint64) { l.tell(id, unknown, nil) }, ""},

		{"lost", func(l *ledger, id uint64) { l.accept(id, true, true) }, "never told"},
		{"told twice", func(l *ledger, id uint64) {
			l.accept(id, true, true)
			l.tell(id, nil, resp(id))
			l.tell(id, unknown, nil)
		}, "told 2 times"},
		{"answered, not accepted", func(l *ledger, id uint64) { l.tell(id, nil, resp(id)) }, "it was not accepted"},
		{"answered for another", func(l *ledger, id uint64) { l.accept(id, true, true); l.tell(id, nil, resp(id+1)) }, "mistaken"},
		{"accepted twice", func(l *ledger, id uint64) {
			l.accept(id, true, true)
			l.accept(id, true, true)
			l.tell(id, nil, resp(id))
		}, "more often than it arrived"},
		{"refused, accepted", func(l *ledger, id uint64) { l.accept(id, true, true); l.tell(id, refused, nil) }, "it was not refused"},
		{"never sent, accepted", func(l *ledger, id uint64) { l.accept(id, true, true); l.tell(id, unsent, nil) }, "it was sent"},
		{"handled by its own side", func(l *ledger, id uint64) { l.accept(id, true, false); l.tell(id, nil, resp(id)) }, "mistaken"},
		{"made by nobody", func(l *ledger, id uint64) {
			l.accept(id, true, true)
			l.tell(id, nil, resp(id))
			l.accept(id+chunkSize, true, true)
		}, "nobody made"},
		{"without an id", func(l *ledger, id uint64) {
			l.accept(id, true, true)
			l.tell(id, nil, resp(id))
			l.accept(0, false, true)
		}, "nobody made"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := new(ledger)
			for range chunkSize { // so that there are two chunks
				other := l.add(pdu.IDEnquireLink, false)
				l.tell(other, nil, nil)
			}
			test.happens(l, l.add(pdu.IDSubmitSM, true))
			tallies, wrong := l.judge()
			if len(tallies) != 2 || tallies[1].Answered != chunkSize {
				t.Errorf("tallies %+v", tallies)
			}
			switch {
			case test.want == "" && len(wrong) > 0, test.want != "" && len(wrong) != 1:
				t.Errorf("found wrong: %q", wrong)
			case test.want != "" && !strings.Contains(wrong[0], test.want):
				t.Errorf("%q, not %q", wrong[0], test.want)
			}
		})
	}
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	rep := &report{Tallies: []tally{{Command: "submit_sm", Direction: "to the center", Answered: 2, Doubts: 1}}, Wrong: []string{"this and that"}}
	var out strings.Builder
	if err := rep.write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"submit_sm", "1 things are wrong", "- this and that"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
