package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/pdu"
)

// Whatever can go wrong is noticed, and what may be is let pass.
func TestJudge(t *testing.T) {
	killed := time.Now()
	kills := map[int]time.Time{1: killed, 2: killed.Add(10 * time.Second)}
	at := func(run int, beforeKill time.Duration, state pdu.MessageState, text string) arrival {
		return arrival{run: run, conn: strconv.Itoa(run), at: kills[run].Add(-beforeKill), id: "A", state: state, text: text}
	}
	accepted := item{registered: pdu.FinalReceipt, answered: true, outcome: smpp.Accepted, id: "A", end: pdu.StateDelivered}
	first, second := accepted.first(), accepted.second()
	const ms = time.Millisecond
	receipt := at(1, 100*ms, pdu.StateDelivered, first)
	for _, tt := range []struct {
		name string
		have func(*item)
		want string // part of what is wrong; empty: nothing
	}{
		{"once", func(it *item) { it.receipts = []arrival{receipt} }, ""},
		{"lost", func(*item) {}, "its receipt is lost"},
		{"not over", func(it *item) { it.receipts, it.end = []arrival{receipt}, 0 }, "its end is not known"},
		{"another end", func(it *item) { it.receipts, it.end = []arrival{receipt}, pdu.StateRejected }, "query_sm tells rejected, a receipt delivered"},
		{"another id", func(it *item) { it.receipts, it.id = []arrival{receipt}, "B" }, "answered with B"},
		{"twice across a kill", func(it *item) { it.receipts = []arrival{receipt, at(2, 9*time.Second, pdu.StateDelivered, first)} }, ""},
		{"twice, handled in another order", func(it *item) { it.receipts = []arrival{at(2, 9*time.Second, pdu.StateDelivered, first), receipt} }, ""},
		{"twice in a run", func(it *item) { it.receipts = []arrival{receipt, receipt} }, "without a kill"},
		{"twice, with another state", func(it *item) { it.receipts = []arrival{receipt, at(2, 9*time.Second, pdu.StateRejected, first)} }, "is another"},
		{"not asked for", func(it *item) { it.registered, it.receipts = pdu.NoReceipt, []arrival{receipt} }, "nobody asked for"},
		{"of a failure, delivered", func(it *item) { it.registered = pdu.FailureReceipt }, ""},
		{"of a failure, delivered, and told", func(it *item) { it.registered, it.receipts = pdu.FailureReceipt, []arrival{receipt} }, "for a failure only"},
		{"of a failure, lost", func(it *item) { it.registered, it.end = pdu.FailureReceipt, pdu.StateRejected }, "its receipt is lost"},
		{"of unknown outcome", func(it *item) { it.outcome, it.id, it.end = smpp.Unknown, "", 0 }, ""},
		{"of unknown outcome, accepted", func(it *item) { it.outcome, it.id, it.end, it.receipts = smpp.Unknown, "", 0, []arrival{receipt} }, ""},
		{"refused", func(it *item) { it.outcome, it.id, it.end = smpp.Refused, "", 0 }, ""},
		{"refused, and yet told of", func(it *item) { it.outcome, it.id, it.end, it.receipts = smpp.Refused, "", 0, []arrival{receipt} }, "something came of it"},
		{"without an outcome", func(it *item) { it.answered = false }, "no outcome"},
		{"cancelled", func(it *item) {
			it.cancel, it.end, it.receipts = operation{true, smpp.Accepted}, pdu.StateDeleted, []arrival{at(1, 0, pdu.StateDeleted, first)}
		}, ""},
		{"cancelled, and yet delivered", func(it *item) { it.cancel, it.receipts = operation{true, smpp.Accepted}, []arrival{receipt} }, "cancelled, and yet delivered"},
		{"deleted though refused", func(it *item) {
			it.cancel, it.end, it.receipts = operation{true, smpp.Refused}, pdu.StateDeleted, []arrival{at(1, 0, pdu.StateDeleted, first)}
		}, "yet it is deleted"},
		{"deleted by nobody", func(it *item) { it.end, it.receipts = pdu.StateDeleted, []arrival{at(1, 0, pdu.StateDeleted, first)} }, "its end is deleted"},
		{"replaced", func(it *item) {
			it.replace, it.receipts = operation{true, smpp.Accepted}, []arrival{at(1, 0, pdu.StateDelivered, second)}
		}, ""},
		{"replaced, and yet the old text", func(it *item) { it.replace, it.receipts = operation{true, smpp.Accepted}, []arrival{receipt} }, "replaced, and yet"},
		{"replaced though refused", func(it *item) {
			it.replace, it.receipts = operation{true, smpp.Refused}, []arrival{at(1, 0, pdu.StateDelivered, second)}
		}, "replace_sm was refused"},
		{"to the ESME", func(it *item) { it.toESME, it.receipts, it.deliveries = true, []arrival{receipt}, []arrival{receipt} }, ""},
		{"to the ESME, lost", func(it *item) { it.toESME, it.receipts = true, []arrival{receipt} }, "it never arrived"},
		{"expired, at most once is not promised", func(it *item) { it.toESME, it.end = true, pdu.StateExpired }, "its end is expired"},
		{"to the wrong ESME", func(it *item) { it.receipts, it.deliveries = []arrival{receipt}, []arrival{receipt} }, "it was not for"},
	} {
		it := accepted
		tt.have(&it)
		l := ledger{items: []*item{&it}}
		l.judge(kills, nil, &report{Ends: make(map[pdu.MessageState]int)})
		all := strings.Join(l.wrong, "; ")
		if tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
			t.Errorf("%s: found %q; want %q", tt.name, all, tt.want)
		}
	}
}

// What may come again, or end as expired, is what was acknowledged last.
func TestJudgeOrder(t *testing.T) {
	killed := time.Now()
	kills := map[int]time.Time{1: killed, 2: killed.Add(10 * time.Second)}
	const again, done, expired = "again", "done", "expired"
	for _, tt := range []struct {
		name    string
		fates   []string // of deliveries on a connection of run 1, in order
		once    bool
		stopped bool
		want    string // part of what is wrong; empty: nothing
	}{
		{"none again", []string{done, done}, false, false, ""},
		{"the last again", []string{done, again, again}, false, false, ""},
		{"all again", []string{again, again}, false, false, ""},
		{"one before others again", []string{done, again, done, again}, false, false, "m000000001 first: its delivery was acknowledged in run 1 before the delivery of m000000002 first, which was done with, and was not"},
		{"again after a graceful end", []string{done, again}, false, true, "m000000001 first: its delivery was not done with when run 1 ended by itself"},
		{"at most once, the last expired", []string{done, expired}, true, false, ""},
		{"at most once, one before others expired", []string{expired, done}, true, false, "m000000000 first: its delivery was acknowledged in run 1 before"},
		{"at most once, expired after a graceful end", []string{done, expired}, true, true, "not done with when run 1 ended by itself"},
		{"at most once, again", []string{again}, true, false, "delivered 2 times, at most once is promised"},
	} {
		l := ledger{once: tt.once}
		for i, fate := range tt.fates {
			it := item{toESME: true, answered: true, outcome: smpp.Accepted, id: "A", end: pdu.StateDelivered}
			p := l.add(it)
			a := arrival{run: 1, conn: "c", seq: i + 1, at: killed, text: p.first()}
			p.deliveries = []arrival{a}
			switch fate {
			case again:
				a.run, a.conn, a.seq = 2, "d", 100+i
				p.deliveries = append(p.deliveries, a)
			case expired:
				p.end = pdu.StateExpired
			}
		}
		l.judge(kills, map[int]bool{1: tt.stopped}, &report{Ends: make(map[pdu.MessageState]int)})
		all := strings.Join(l.wrong, "; ")
		if tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
			t.Errorf("%s: found %q; want %q", tt.name, all, tt.want)
		}
	}
}

// Receipts that belong to nothing are noticed.
func TestArrivedFromNowhere(t *testing.T) {
	for _, text := range []string{"hello", "m000000007 first"} {
		var l ledger
		l.arrived(&pdu.DeliverSM{ShortMessage: []byte(text)}, 1, "c")
		if len(l.wrong) != 1 {
			t.Errorf("%q: found %q; want one fault", text, l.wrong)
		}
	}
}
