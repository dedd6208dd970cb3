package sms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A Submitter hands messages to a message center: a *smpp.Session, a *smpp.Client, or a double of them.
//
// If it also has the method
//
//	SubmitFunc(ctx context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error
//
// then [Send] writes the parts of a message one after the other without waiting for the responses. SubmitFunc returns an
// error if the message was not sent; else it calls done once, later, with what Submit would have returned.
//
// An error is taken for a refusal if errors.As finds a [pdu.Status] in it, unless it also finds one with the method
// NeverSent() bool, such as *smpp.RequestError, which tells whether the message is unknown to the message center or its
// outcome is.
type Submitter interface {
	Submit(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error)
}

type asyncSubmitter interface {
	SubmitFunc(ctx context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error
}

// An Outgoing is a message to be sent, of any length.
type Outgoing struct {
	// Text is the content, in whatever script.
	Text string

	// Binary is the content of a message that is no text. It excludes Text.
	Binary []byte

	// Template holds all else: the addresses, RegisteredDelivery for receipts, times, priority and TLVs.
	Template pdu.SubmitSM

	// Profile is that of the message center. The zero value is right for most.
	Profile Profile

	// Options say how to compose the message; nil is right for plain text. See [Profile.Compose].
	Options *Options

	// Correlator, if set, is told of the parts of a message that asks for a receipt with any of them, as soon as they are answered,
	// so that it finds the message when receipts come.
	Correlator *Correlator

	// Key is the name of the message for the Correlator, unique among the messages on the way. Empty means a random one, which
	// is in the Result; a receipt may come before that.
	Key string

	// Late, if set, is called with a part that is answered after Send has returned because ctx ended. By then the Correlator
	// was told of it, a refusal included.
	Late func(PartResult)
}

// A Result tells what became of each part of a message.
type Result struct {
	Key   string // of the Correlator, empty without one
	Parts []PartResult
}

// IDs returns the message ids of the parts that were accepted, in order.
func (r *Result) IDs() []string {
	var ids []string
	for i := range r.Parts {
		if p := &r.Parts[i]; p.Outcome == PartAccepted {
			ids = append(ids, p.MessageID)
		}
	}
	return ids
}

// count returns how many parts have an outcome.
func (r *Result) count(o PartOutcome) (n int) {
	for i := range r.Parts {
		if r.Parts[i].Outcome == o {
			n++
		}
	}
	return n
}

// A PartResult tells what became of one part of a message.
type PartResult struct {
	Part      int           // from 1
	PDU       *pdu.SubmitSM // what was to be sent
	Outcome   PartOutcome
	MessageID string            // if accepted: that of the response
	Response  *pdu.SubmitSMResp // nil unless there was one; with a refusal it is there if it had a body
	Err       error             // nil if accepted
	TrackErr  error             // the Correlator could not be told of it
}

// A PartOutcome is what is known of a part after it was sent, or was not.
type PartOutcome uint8

// The outcomes.
const (
	PartNeverSent PartOutcome = iota // the message center does not know of it
	PartAccepted
	PartRefused // the message center answered with an error
	PartUnknown // it may have been accepted or not; sending it again may do so twice
)

var partOutcomes = [...]string{"never sent", "accepted", "refused", "unknown"}

func (o PartOutcome) String() string {
	if int(o) < len(partOutcomes) {
		return partOutcomes[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// A SendError tells that not all parts of a message were accepted, or that the Correlator could not be told of one.
//
// errors.Is sees Err. errors.As and errors.Unwrap see it only if no part was or may have been accepted: what tells from
// Err whether the request may be repeated, such as smpp.SafeToRetry, must not take it for the whole message otherwise.
type SendError struct {
	Result *Result
	Part   int   // the first part that failed, from 1
	Err    error // why
}

func (e *SendError) Error() string {
	var b strings.Builder
	total := len(e.Result.Parts)
	p := &e.Result.Parts[e.Part-1]
	b.WriteString("sms: ")
	if total > 1 {
		fmt.Fprintf(&b, "part %d of %d: ", e.Part, total)
	}
	if p.Outcome == PartAccepted {
		fmt.Fprintf(&b, "accepted as %s, but not tracked: %v", quote(p.MessageID), e.Err)
	} else {
		fmt.Fprintf(&b, "%v: %v", p.Outcome, e.Err)
	}
	if total > 1 {
		sep := " ("
		for _, o := range []PartOutcome{PartAccepted, PartRefused, PartUnknown, PartNeverSent} {
			if n := e.Result.count(o); n > 0 {
				fmt.Fprintf(&b, "%s%d %v", sep, n, o)
				sep = ", "
			}
		}
		b.WriteByte(')')
	}
	return b.String()
}

// Unwrap returns Err if no part of the message was or may have been accepted, else nil.
func (e *SendError) Unwrap() error {
	if e.Result.count(PartAccepted)+e.Result.count(PartUnknown) > 0 {
		return nil
	}
	return e.Err
}

// Is makes errors.Is see Err in any case.
func (e *SendError) Is(target error) bool { return errors.Is(e.Err, target) }

// Send composes m and sends all its parts, in order. It returns when they are answered or ctx ends, and tells what became of
// each part. After a part that fails no other is sent; those on the way are waited for. Nothing is ever sent twice.
//
// If s has SubmitFunc, as sessions have, the parts follow each other as fast as its window allows; else each part waits for
// the response to the one before. A part without a response when ctx ends is PartUnknown.
//
// The error is an [*Error] and the Result nil if m cannot be composed, and a [*SendError] together with the Result if not all
// went well.
func Send(ctx context.Context, s Submitter, m *Outgoing) (*Result, error) {
	parts, err := m.compose()
	if err != nil {
		return nil, err
	}
	d := &sending{ctx: context.WithoutCancel(ctx), parts: parts, correlator: m.Correlator, late: m.Late,
		answers: make(chan answer, len(parts)), result: &Result{Parts: make([]PartResult, len(parts))}}
	for i, p := range parts {
		d.result.Parts[i] = PartResult{Part: i + 1, PDU: p}
		d.tracked = d.tracked || d.correlator != nil && wantsReceipt(p)
	}
	if d.correlator != nil {
		if d.key = m.Key; d.key == "" {
			d.key = rand.Text()
		}
		d.result.Key = d.key
	}
	if a, ok := s.(asyncSubmitter); ok {
		d.async(ctx, a)
	} else {
		for i, p := range parts {
			if err := ctx.Err(); err != nil {
				d.fail(i, err)
				break
			}
			resp, err := s.Submit(ctx, p)
			if d.take(answer{i, resp, err}); d.failed {
				break
			}
		}
	}
	return d.finish()
}

// compose returns the parts.
func (m *Outgoing) compose() ([]*pdu.SubmitSM, error) {
	switch {
	case m == nil:
		return nil, &Error{Field: "message", Rule: "it is missing"}
	case m.Binary == nil:
		return m.Profile.Compose(&m.Template, m.Text, m.Options)
	case m.Text != "":
		return nil, &Error{Field: "Outgoing.Binary", Rule: "a message has either Text or Binary"}
	}
	return m.Profile.ComposeBinary(&m.Template, m.Binary, m.Options)
}

func wantsReceipt(m *pdu.SubmitSM) bool {
	return m.RegisteredDelivery.Receipt() != pdu.NoReceipt || m.RegisteredDelivery&pdu.IntermediateNotification != 0
}

// A sending is a call of Send.
type sending struct {
	ctx        context.Context // for the Correlator: a message id is not to be lost because the caller has no more time
	parts      []*pdu.SubmitSM
	correlator *Correlator
	key        string
	tracked    bool // the correlator is told
	late       func(PartResult)

	result  *Result // the caller's when Send returns
	failed  bool    // a part failed: no other is sent
	answers chan answer

	mu   sync.Mutex
	over bool // Send returns, and nobody reads answers any more
}

type answer struct {
	index int
	resp  *pdu.SubmitSMResp
	err   error
}

// async sends the parts without waiting for each response.
func (d *sending) async(ctx context.Context, s asyncSubmitter) {
	waiting := 0
	for i, m := range d.parts {
		for taken := true; taken && waiting > 0; {
			select {
			case a := <-d.answers:
				d.take(a)
				waiting--
			default:
				taken = false
			}
		}
		if d.failed {
			break
		}
		if err := ctx.Err(); err != nil {
			d.fail(i, err)
			break
		}
		err := s.SubmitFunc(ctx, m, func(resp *pdu.SubmitSMResp, err error) { d.answer(answer{i, resp, err}) })
		if err != nil {
			d.fail(i, err)
			break
		}
		d.result.Parts[i].Outcome = PartUnknown
		waiting++
	}
	for waiting > 0 {
		select {
		case a := <-d.answers:
			d.take(a)
			waiting--
		case <-ctx.Done():
			d.mu.Lock()
			d.over = true
			d.mu.Unlock()
			for ; len(d.answers) > 0; waiting-- {
				d.take(<-d.answers)
			}
			if waiting > 0 {
				for i := range d.result.Parts {
					if p := &d.result.Parts[i]; p.Outcome == PartUnknown && p.Err == nil {
						p.Err = ctx.Err()
					}
				}
			}
			return
		}
	}
}

// answer takes a response from whatever goroutine, without blocking it.
func (d *sending) answer(a answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over {
		d.answers <- a // there is room for each part
		return
	}
	p := PartResult{Part: a.index + 1, PDU: d.parts[a.index]}
	go func() {
		d.set(&p, a)
		if p.Outcome == PartRefused || p.Outcome == PartNeverSent {
			d.track(&p) // as finish does with those that were waited for
		}
		if d.late != nil {
			d.late(p)
		}
	}()
}

// take enters an answer.
func (d *sending) take(a answer) {
	p := &d.result.Parts[a.index]
	d.set(p, a)
	if p.Outcome != PartAccepted {
		d.failed = true
	}
}

// set fills in what the answer says, and tells the Correlator.
func (d *sending) set(p *PartResult, a answer) {
	p.Response, p.Err, p.Outcome = a.resp, a.err, outcome(a.err)
	if p.Outcome != PartAccepted {
		return
	}
	if a.resp != nil {
		p.MessageID = a.resp.MessageID
	}
	d.track(p)
}

// fail tells that a part was not sent.
func (d *sending) fail(index int, err error) {
	p := &d.result.Parts[index]
	p.Err, d.failed = err, true
}

func (d *sending) track(p *PartResult) {
	if d.tracked {
		p.TrackErr = d.correlator.Track(d.ctx, time.Now(), TrackedPart{Key: d.key, Part: p.Part, Total: len(d.parts), ID: p.MessageID,
			NoReceipt: !wantsReceipt(p.PDU), Refused: p.Outcome == PartRefused || p.Outcome == PartNeverSent})
	}
}

var errOtherPart = errors.New("sms: not sent, as another part of the message failed")

// finish returns what Send does.
func (d *sending) finish() (*Result, error) {
	var first *PartResult
	some := d.result.count(PartAccepted)+d.result.count(PartUnknown) > 0
	for i := range d.result.Parts {
		p := &d.result.Parts[i]
		if p.Outcome == PartNeverSent && p.Err == nil {
			p.Err = errOtherPart
		}
		if some && (p.Outcome == PartNeverSent || p.Outcome == PartRefused) {
			d.track(p) // the others do not make the message
		}
		// Of several parts that failed, the first one with a reason of its own says most.
		if (p.Err != nil || p.TrackErr != nil) && (first == nil || errors.Is(first.Err, errOtherPart) || first.Err == nil && p.Err != nil) {
			first = p
		}
	}
	if first == nil {
		return d.result, nil
	}
	e := &SendError{Result: d.result, Part: first.Part, Err: first.Err}
	if e.Err == nil {
		e.Err = first.TrackErr
	}
	return d.result, e
}

// outcome tells what became of a part.
func outcome(err error) PartOutcome {
	if err == nil {
		return PartAccepted
	}
	var request interface {
		error
		NeverSent() bool
	}
	var encode *pdu.EncodeError
	var decode *pdu.DecodeError
	var status pdu.Status
	switch {
	case errors.As(err, &request):
		if request.NeverSent() {
			return PartNeverSent
		}
	case errors.As(err, &encode):
		return PartNeverSent
	case errors.As(err, &decode): // the response is there, but who knows what it says
	case errors.As(err, &status):
		return PartRefused
	}
	return PartUnknown
}
