package main

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// A ledger holds an entry for each request, from both sides: what its sender was
// told, and what the handlers of the other side did with it.
type ledger struct {
	mu      sync.Mutex
	chunks  atomic.Pointer[[]*chunk]
	n       uint64
	unknown atomic.Int64 // requests that a handler saw and nobody made
}

const chunkSize = 4096

type chunk [chunkSize]entry

// An entry is one request.
type entry struct {
	command  pdu.CommandID
	up       bool // from an ESME to the message center
	notice   bool // it has no response
	told     atomic.Uint32
	outcome  atomic.Uint32 // the smpp.OutcomeKind that its sender was told
	accepted atomic.Uint32 // times that a handler accepted it
	doubled  atomic.Uint32 // times that the wire delivered it once more
	strays   atomic.Uint32 // things that cannot be: a handler of its own side, the answer to another request
}

// add makes an entry. Its id is what the request carries.
func (l *ledger) add(command pdu.CommandID, up bool) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.n
	l.n++
	var chunks []*chunk
	if p := l.chunks.Load(); p != nil {
		chunks = *p
	}
	if id/chunkSize == uint64(len(chunks)) {
		chunks = append(slices.Clone(chunks), new(chunk))
		l.chunks.Store(&chunks)
	}
	e := &chunks[id/chunkSize][id%chunkSize]
	e.command, e.up, e.notice = command, up, pdu.Standard().Notice(command)
	return id
}

func (l *ledger) entry(id uint64) *entry {
	p := l.chunks.Load()
	if p == nil || id/chunkSize >= uint64(len(*p)) {
		return nil
	}
	return &(*p)[id/chunkSize][id%chunkSize]
}

// octets returns about how much memory the ledger takes.
func (l *ledger) octets() uint64 {
	if p := l.chunks.Load(); p != nil {
		return uint64(len(*p)) * uint64(unsafe.Sizeof(chunk{}))
	}
	return 0
}

// tell notes what the sender of a request was told.
func (l *ledger) tell(id uint64, err error, resp pdu.Body) {
	e := l.entry(id)
	e.outcome.Store(uint32(smpp.Outcome(err)))
	e.told.Add(1)
	if err == nil {
		if answer, ok := answerOf(resp); ok && answer != name(id) {
			e.strays.Add(1)
		}
	}
}

// accept notes that a handler of the given side accepted a request.
func (l *ledger) accept(id uint64, ok bool, byCenter bool) {
	e := l.entry(id)
	if !ok || e == nil {
		l.unknown.Add(1)
		return
	}
	if e.up != byCenter {
		e.strays.Add(1)
	}
	e.accepted.Add(1)
}

// double notes that the wire delivers a request once more.
func (l *ledger) double(id uint64) {
	if e := l.entry(id); e != nil {
		e.doubled.Add(1)
	}
}

// name is the id in a PDU: a number that is an address and a message id as well.
func name(id uint64) string { return strconv.FormatUint(id+1_000_000, 10) }

func parseName(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n - 1_000_000, err == nil && n >= 1_000_000
}

// idOf returns the id of a request.
func idOf(body pdu.Body) (uint64, bool) {
	switch b := body.(type) {
	case *pdu.SubmitSM:
		return parseName(b.Source.Addr)
	case *pdu.SubmitMulti:
		return parseName(b.Source.Addr)
	case *pdu.DeliverSM:
		return parseName(b.Source.Addr)
	case *pdu.DataSM:
		return parseName(b.Source.Addr)
	case *pdu.AlertNotification:
		return parseName(b.Source.Addr)
	case *pdu.QuerySM:
		return parseName(b.MessageID)
	case *pdu.CancelSM:
		return parseName(b.MessageID)
	case *pdu.ReplaceSM:
		return parseName(b.MessageID)
	}
	return 0, false
}

// answerOf returns the id that a response names, if it names one.
func answerOf(body pdu.Body) (string, bool) {
	switch b := body.(type) {
	case *pdu.SubmitSMResp:
		return b.MessageID, true
	case *pdu.SubmitMultiResp:
		return b.MessageID, true
	case *pdu.DataSMResp:
		return b.MessageID, true
	case *pdu.QuerySMResp:
		return b.MessageID, true
	}
	return "", false
}

// A tally counts the outcomes of one command in one direction.
type tally struct {
	Command                              string
	Direction                            string
	Answered, Refused, Unknown, NotSent  int
	UnknownAccepted, NoticesSeen, Doubts int // of the unknown, accepted; of the notices, seen; discrepancies
}

// judge holds every entry against what the other side did. It returns the
// counts and the discrepancies, in words.
func (l *ledger) judge() (tallies []tally, wrong []string) {
	type key struct {
		command pdu.CommandID
		up      bool
	}
	counts := map[key]*tally{}
	if n := l.unknown.Load(); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d requests reached a handler that nobody made", n))
	}
	for id := range l.n {
		e := l.entry(id)
		c := counts[key{e.command, e.up}]
		if c == nil {
			c = &tally{Command: e.command.String(), Direction: "to the ESME"}
			if e.up {
				c.Direction = "to the center"
			}
			counts[key{e.command, e.up}] = c
		}
		told, accepted, doubled := e.told.Load(), e.accepted.Load(), e.doubled.Load()
		outcome := smpp.OutcomeKind(e.outcome.Load())
		handled := e.command != pdu.IDEnquireLink // the session answers it by itself
		switch outcome {
		case smpp.Accepted:
			c.Answered++
		case smpp.Refused:
			c.Refused++
		case smpp.NeverSent:
			c.NotSent++
		default:
			c.Unknown++
			if accepted > 0 {
				c.UnknownAccepted++
			}
		}
		if e.notice && accepted > 0 {
			c.NoticesSeen++
		}
		doubt := func(format string, args ...any) {
			c.Doubts++
			wrong = append(wrong, fmt.Sprintf("%v %s, %s, %v, accepted %d times, doubled by the wire %d times: ",
				e.command, name(id), c.Direction, outcome, accepted, doubled)+fmt.Sprintf(format, args...))
		}
		switch {
		case told == 0:
			doubt("its sender was never told")
		case told > 1:
			doubt("its sender was told %d times", told)
		case e.strays.Load() > 0:
			doubt("it was mistaken for another, %d times", e.strays.Load())
		case accepted > 1+doubled:
			doubt("accepted more often than it arrived")
		case outcome == smpp.NeverSent && accepted > 0:
			doubt("it was sent")
		case outcome == smpp.Refused && accepted > doubled:
			doubt("it was not refused")
		case outcome == smpp.Accepted && handled && !e.notice && accepted == 0:
			doubt("it was not accepted")
		}
	}
	for _, c := range counts {
		tallies = append(tallies, *c)
	}
	slices.SortFunc(tallies, func(a, b tally) int {
		return slices.Compare([]string{b.Direction, a.Command}, []string{a.Direction, b.Command})
	})
	return tallies, wrong
}
