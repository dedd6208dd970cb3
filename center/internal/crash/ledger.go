package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// An arrival is one copy of a receipt, or of a message at the ESME it is for.
type arrival struct {
	run   int    // of the message center that sent it
	conn  string // the connection that it came on
	seq   int    // of all arrivals; on a connection, the order in which they were acknowledged
	at    time.Time
	id    string // of a receipt
	state pdu.MessageState
	text  string
}

// An operation is a cancel_sm or replace_sm for a message.
type operation struct {
	asked   bool
	outcome smpp.OutcomeKind
}

// An item is a message and all that is known about it.
type item struct {
	n          int
	registered pdu.RegisteredDelivery
	toESME     bool
	scheduled  bool

	answered        bool // the submission has an outcome
	outcome         smpp.OutcomeKind
	id              string
	cancel, replace operation
	receipts        []arrival
	deliveries      []arrival
	end             pdu.MessageState // by query_sm; 0: not known
}

// first and second are the texts of a message, before and after replace_sm. The
// receipt repeats them.
func (it *item) first() string  { return fmt.Sprintf("m%09d first", it.n) }
func (it *item) second() string { return fmt.Sprintf("m%09d second", it.n) }

// A ledger is what the clients know.
type ledger struct {
	mu      sync.Mutex
	items   []*item
	wrong   []string
	strange int // beyond those of wrong
	changed time.Time
	seq     int  // of the last arrival
	once    bool // messages to the ESME come at most once
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(format, args...)
}

func (l *ledger) faultLocked(format string, args ...any) {
	if len(l.wrong) < 50 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	} else {
		l.strange++
	}
}

// add makes the item of a message that is about to be submitted.
func (l *ledger) add(it item) *item {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.n = len(l.items)
	l.items = append(l.items, &it)
	return &it
}

// update changes an item.
func (l *ledger) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.changed = time.Now()
}

// arrived notes a deliver_sm that came in a run, on a connection. It is called in
// the order in which they come on it, and they are acknowledged in that order.
func (l *ledger) arrived(m *pdu.DeliverSM, run int, conn string) {
	a := arrival{run: run, conn: conn, at: time.Now()}
	r, isReceipt := sms.Profile{}.ReadReceipt(m)
	a.text = sms.Text(m)
	if isReceipt {
		a.id, a.state, a.text = r.ID, r.State, r.Text
	}
	var n int
	var which string
	if _, err := fmt.Sscanf(a.text, "m%09d %s", &n, &which); err != nil {
		l.fault("a deliver_sm that nobody sent: %q", sms.Text(m))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n >= len(l.items) || run == 0 {
		l.faultLocked("a deliver_sm, in run %d, of a message %d that was never sent", run, n)
		return
	}
	l.changed = a.at
	l.seq++
	a.seq = l.seq
	it := l.items[n]
	if isReceipt {
		it.receipts = append(it.receipts, a)
	} else {
		it.deliveries = append(it.deliveries, a)
	}
}

// missing returns how many arrivals are still to come, as far as is known before
// the ends are.
func (l *ledger) missing() (n int, changed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.items {
		if it.outcome != smpp.Accepted || !it.answered {
			continue
		}
		if len(it.receipts) == 0 && it.wantsReceipt() {
			n++
		}
	}
	return n, l.changed
}

// wantsReceipt reports whether a receipt has to come, given the end, if it is
// known.
func (it *item) wantsReceipt() bool {
	switch it.registered.Receipt() {
	case pdu.FinalReceipt:
		return true
	case pdu.FailureReceipt:
		return it.end != 0 && it.end != pdu.StateDelivered
	}
	return false
}

// judge holds everything against everything, once it is over, and counts.
func (l *ledger) judge(kills map[int]time.Time, stopped map[int]bool, rep *report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judgeOrder(stopped)
	for _, it := range l.items {
		rep.Submitted++
		switch {
		case !it.answered:
			l.faultLocked("%s: the submission has no outcome", it.first())
		case it.outcome == smpp.Accepted:
			rep.Accepted++
			if it.scheduled {
				rep.Scheduled++
			}
			l.judgeAccepted(it, rep)
		case it.outcome == smpp.Unknown:
			rep.Unknown++
			if len(it.receipts)+len(it.deliveries) > 0 {
				rep.UnknownAccepted++
			}
		default:
			if it.outcome == smpp.Refused {
				rep.Refused++
			} else {
				rep.NeverSent++
			}
			if len(it.receipts)+len(it.deliveries) > 0 {
				l.faultLocked("%s: the submission was %v, and yet something came of it", it.first(), it.outcome)
			}
		}
		if it.registered.Receipt() == pdu.NoReceipt && len(it.receipts) > 0 {
			l.faultLocked("%s: a receipt that nobody asked for", it.first())
		}
		rep.Receipts.count(len(it.receipts))
		l.judgeTwice(it, "receipt", it.receipts, kills, rep)
		if it.toESME {
			rep.Deliveries.count(len(it.deliveries))
		} else if len(it.deliveries) > 0 {
			l.faultLocked("%s: delivered to an ESME that it was not for", it.first())
		}
		if l.once && len(it.deliveries) > 1 {
			l.faultLocked("%s: delivered %d times, at most once is promised", it.first(), len(it.deliveries))
		}
		l.judgeTwice(it, "delivery", it.deliveries, kills, rep)
	}
}

// judgeAccepted is for a message whose submission was answered.
func (l *ledger) judgeAccepted(it *item, rep *report) {
	rep.Ends[it.end]++
	possible := it.end == pdu.StateDelivered || l.once && it.toESME && it.end == pdu.StateExpired || !it.toESME && (it.end == pdu.StateUndeliverable || it.end == pdu.StateRejected) ||
		it.end == pdu.StateDeleted && it.cancel.asked
	if it.end == 0 {
		l.faultLocked("%s (%s): its end is not known", it.first(), it.id)
	} else if !possible {
		l.faultLocked("%s (%s): its end is %v", it.first(), it.id, it.end)
	}
	if it.wantsReceipt() && len(it.receipts) == 0 {
		l.faultLocked("%s (%s): its receipt is lost", it.first(), it.id)
	}
	if it.registered.Receipt() == pdu.FailureReceipt && it.end == pdu.StateDelivered && len(it.receipts) > 0 {
		l.faultLocked("%s (%s): a receipt, asked for a failure only, came for a success", it.first(), it.id)
	}
	for _, a := range it.receipts {
		if a.id != it.id {
			l.faultLocked("%s: the submission was answered with %s, and a receipt has %s", it.first(), it.id, a.id)
		}
		if it.end != 0 && a.state != it.end {
			l.faultLocked("%s (%s): query_sm tells %v, a receipt %v", it.first(), it.id, it.end, a.state)
		}
	}
	if it.toESME && it.end == pdu.StateDelivered && len(it.deliveries) == 0 {
		l.faultLocked("%s (%s): delivered, and yet it never arrived", it.first(), it.id)
	}
	if it.cancel.asked {
		switch it.cancel.outcome {
		case smpp.Accepted:
			rep.Cancelled++
			if it.end != pdu.StateDeleted {
				l.faultLocked("%s (%s): cancelled, and yet %v", it.first(), it.id, it.end)
			}
		case smpp.Refused, smpp.NeverSent:
			if it.end == pdu.StateDeleted {
				l.faultLocked("%s (%s): cancel_sm was %v, and yet it is deleted", it.first(), it.id, it.cancel.outcome)
			}
		}
	}
	if it.replace.asked {
		if it.replace.outcome == smpp.Accepted {
			rep.Replaced++
		}
		for _, a := range append(it.receipts[:len(it.receipts):len(it.receipts)], it.deliveries...) {
			switch {
			case it.replace.outcome == smpp.Accepted && a.text != it.second():
				l.faultLocked("%s (%s): replaced, and yet its text is %q", it.first(), it.id, a.text)
			case (it.replace.outcome == smpp.Refused || it.replace.outcome == smpp.NeverSent) && a.text != it.first():
				l.faultLocked("%s (%s): replace_sm was %v, and yet its text is %q", it.first(), it.id, it.replace.outcome, a.text)
			}
		}
	}
}

// judgeOrder holds against each other what came on a connection. Acknowledgements
// are carried out in the order in which they are written: when one was, those
// before it were, and what they are of must not come again, nor, at most once, end
// otherwise than delivered. A message center that ended by itself has carried out
// all of them.
func (l *ledger) judgeOrder(stopped map[int]bool) {
	type event struct {
		arrival
		it   *item
		what string
		open bool // it is not known whether the message center had the acknowledgement
	}
	byConn := make(map[string][]event)
	for _, it := range l.items {
		last := func(all []arrival) (run int) {
			for _, a := range all {
				run = max(run, a.run)
			}
			return run
		}
		for _, a := range it.receipts {
			byConn[a.conn] = append(byConn[a.conn], event{a, it, "receipt", a.run < last(it.receipts)})
		}
		for _, a := range it.deliveries {
			open := a.run < last(it.deliveries) || l.once && it.end == pdu.StateExpired
			byConn[a.conn] = append(byConn[a.conn], event{a, it, "delivery", open})
		}
	}
	for _, conn := range slices.Sorted(maps.Keys(byConn)) {
		events := byConn[conn]
		slices.SortFunc(events, func(a, b event) int { return b.seq - a.seq })
		var done *event // the last whose acknowledgement was carried out
		for i := range events {
			e := &events[i]
			switch {
			case !e.open:
				if done == nil {
					done = e
				}
			case stopped[e.run]:
				l.faultLocked("%s: its %s was not done with when run %d ended by itself", e.it.first(), e.what, e.run)
			case done != nil:
				l.faultLocked("%s: its %s was acknowledged in run %d before the %s of %s, which was done with, and was not", e.it.first(), e.what, e.run, done.what, done.it.first())
			}
		}
	}
}

// judgeTwice looks at what came more than once: only across a kill, and the same
// in every copy. See judgeOrder for which may.
func (l *ledger) judgeTwice(it *item, what string, all []arrival, kills map[int]time.Time, rep *report) {
	for i := 1; i < len(all); i++ {
		before, after := all[i-1], all[i]
		if before.run == after.run {
			l.faultLocked("%s: a second %s in run %d, without a kill", it.first(), what, after.run)
			continue
		}
		if after.run < before.run {
			before, after = after, before // its handler came late
		}
		rep.Latest = max(rep.Latest, kills[before.run].Sub(before.at))
		if before.id != after.id || before.state != after.state || before.text != after.text {
			l.faultLocked("%s: a second %s is another: %+v and %+v", it.first(), what, before, after)
		}
	}
}
