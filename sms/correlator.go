package sms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A Correlator finds the message that a receipt is about, and sums up the receipts for the parts of a long message. Track
// tells it what the responses to submissions said, Receipt what receipts say, in whichever order they come:
//
//	c := &sms.Correlator{Rule: sms.MessageIDHexToDecimal}
//
//	c.Track(ctx, now, sms.TrackedPart{Key: "order 17", Part: 1, Total: 2, ID: resp.MessageID}) // [Send] does it by itself
//
//	if r, ok := profile.ReadReceipt(m); ok {
//		d, err := c.Receipt(ctx, now, r) // d.Key is "order 17"
//	}
//
// SMPP v3.4, 2.11 and appendix B; the message_id of a receipt is the one that the submit_sm_resp returned, but for Rule.
//
// A Correlator is for one message center, as message ids mean nothing elsewhere; all sessions with it share one. Where the
// targets of a smpp.Client give out ids of their own, use a Client and a Correlator for each.
//
// It starts no goroutine and reads no clock, and the memory it takes is bounded. It must not be copied, nor its fields
// changed, after its first use. It may be used by several goroutines at once; its functions are called without any lock
// held. The zero value is ready for use.
type Correlator struct {
	// Rule says how ids in receipts differ from those in responses. An id that is written exactly alike is preferred to
	// others that the rule takes for the same.
	Rule MessageIDRule

	// Expiry is how long the receipts of a message are waited for, from the response to its last part; 0 means 72 hours.
	Expiry time.Duration

	// Grace is how long a receipt waits that comes before the response, and how long a message is remembered that has all
	// its receipts, so that repeated ones are recognised; 0 means 5 minutes.
	Grace time.Duration

	// MaxOctets is the most memory that what is kept may take, about; 0 means 256 MiB. A message in one piece takes some
	// 250 octets. What would expire next gives way. It is of no effect with a Store.
	MaxOctets int

	// Store keeps what is known. nil keeps it in memory. Processes that share a Store can receive the receipts of each
	// other's messages.
	Store CorrelatorStore

	// Early, if set, is called by Track with what a receipt brought that came before the response.
	Early func(*Delivery)

	// Expired, if set, is called with a message that is given up before all its receipts have come, by whichever method
	// finds it. That is when Expiry is over, when room is wanted, or when the message center gives its id to another message.
	// If only failures are reported, by pdu.FailureReceipt, it tells of the messages that arrived.
	Expired func(*Delivery)

	// Unknown, if set, is called with a receipt that belongs to no message: no response came within Grace, or it has no ID,
	// or the rule takes it for several messages.
	Unknown func(*Receipt)

	memory memoryStore
	once   sync.Once
}

// A TrackedPart is a message, or a part of one, that a message center has answered.
type TrackedPart struct {
	// Key names the message, all parts of it. It is the caller's, unique among the messages on the way.
	Key string

	Part, Total int // from 1 to Total; 0 and 0 for a message in one piece

	// ID is the message id of the response, empty if there is none. No receipt can name a part without one: a message in one
	// piece is not kept then. Of parts with the same one, the receipt is for the last that was tracked.
	ID string

	// NoReceipt tells that no receipt was asked for. Such a part has no influence on the state of the message unless a final
	// one comes all the same.
	NoReceipt bool

	// Refused tells that the part was not accepted or not even sent. It counts as rejected.
	Refused bool
}

// A Delivery is what is known of a message by its receipts.
type Delivery struct {
	Key string

	// State sums up the states of the parts:
	//   - that of the first part that failed, as the message cannot be shown then: expired, deleted, undeliverable, rejected or
	//     skipped;
	//   - else delivered, if all are, or accepted, if all are delivered or accepted;
	//   - else unknown, if that is the last that was heard of a part, scheduled, if it is of all of them;
	//   - else enroute.
	State pdu.MessageState

	// Final tells that no receipt will change the State: a part failed, or all have arrived.
	Final bool

	// Pending is how many parts have no final state yet, of those that asked for a receipt.
	Pending int

	Parts []PartState // of each part, in order

	Part    int  // from 1, the part that the receipt is about; 0 if no receipt brought this
	Changed bool // the receipt brought something new: it is no repeated one, and none that comes after the final one
}

// A PartState is what the receipts of a part of a message tell; see [Receipt].
type PartState struct {
	ID string // of the response, as it was written; empty if none came yet

	// State is the latest one, if HasState; Final tells that it is final.
	State    pdu.MessageState
	HasState bool
	Final    bool

	NoReceipt bool // none was asked for

	Stat         string    // the word of the receipt
	Done         time.Time // in UTC
	Err          string
	NetworkError *pdu.NetworkError
}

// failed reports whether the part will not arrive.
func (s *PartState) failed() bool {
	return s.Final && s.State != pdu.StateDelivered && s.State != pdu.StateAccepted
}

// apply takes what a receipt says and reports whether that is news.
func (s *PartState) apply(r *Receipt) bool {
	if s.Final || !r.Final() && !r.DoneDate.IsZero() && r.DoneDate.Before(s.Done) {
		return false
	}
	next := PartState{ID: s.ID, NoReceipt: s.NoReceipt, State: r.State, HasState: r.HasState, Final: r.Final(), Stat: r.stat(),
		Done: r.DoneDate.UTC(), Err: r.Err, NetworkError: r.NetworkError}
	if !r.HasState { // a word without meaning: the message is where it was
		next.State, next.HasState = s.State, s.HasState
	}
	news := next.State != s.State || next.HasState != s.HasState || next.Final != s.Final || next.Stat != s.Stat || next.Err != s.Err ||
		(next.NetworkError == nil) != (s.NetworkError == nil) || next.NetworkError != nil && *next.NetworkError != *s.NetworkError
	if news {
		*s = next
	}
	return news
}

// sum fills in what follows from the parts. first is the part that failed first, from 1, 0 if none.
func (d *Delivery) sum(first int) {
	var counted, delivered, accepted, scheduled, unknown int
	d.Pending = 0
	for i := range d.Parts {
		s := &d.Parts[i]
		if s.NoReceipt && !s.Final {
			continue
		}
		counted++
		switch {
		case s.Final && s.State == pdu.StateDelivered:
			delivered++
		case s.Final && s.State == pdu.StateAccepted:
			accepted++
		case s.HasState && s.State == pdu.StateScheduled:
			scheduled++
		case s.HasState && s.State == pdu.StateUnknown:
			unknown++
		}
		if !s.Final {
			d.Pending++
		}
	}
	d.Final = true
	switch {
	case first > 0:
		d.State = d.Parts[first-1].State
	case counted > 0 && delivered == counted:
		d.State = pdu.StateDelivered
	case counted > 0 && delivered+accepted == counted:
		d.State = pdu.StateAccepted
	case unknown > 0:
		d.State, d.Final = pdu.StateUnknown, false
	case counted > 0 && scheduled == counted:
		d.State, d.Final = pdu.StateScheduled, false
	default:
		d.State, d.Final = pdu.StateEnroute, false
	}
}

func (c *Correlator) store() CorrelatorStore {
	if c.Store != nil {
		return c.Store
	}
	c.once.Do(func() { c.memory.most = c.MaxOctets })
	return &c.memory
}

func (c *Correlator) expiry() time.Duration {
	if c.Expiry <= 0 {
		return 72 * time.Hour
	}
	return c.Expiry
}

func (c *Correlator) grace() time.Duration {
	if c.Grace <= 0 {
		return 5 * time.Minute
	}
	return c.Grace
}

// Track takes the answer to a submission that came at the time now. Tracking the same again changes nothing; a part of several
// that is submitted once more takes the new ID. A message in one piece is to have another Key then, since its old ID still
// stands for it. The error is an [*Error] for a part that makes no sense, else one of the Store; then
// Track may be called again.
func (c *Correlator) Track(ctx context.Context, now time.Time, t TrackedPart) error {
	if t.Part == 0 && t.Total == 0 {
		t.Part, t.Total = 1, 1
	}
	switch {
	case t.Key == "":
		return &Error{Field: "TrackedPart.Key", Rule: "it is not empty"}
	case t.Total < 1 || t.Total > 255:
		return &Error{Field: "TrackedPart.Total", Value: fmt.Sprint(t.Total), Rule: "1 to 255"}
	case t.Part < 1 || t.Part > t.Total:
		return &Error{Field: "TrackedPart.Part", Value: fmt.Sprint(t.Part), Rule: fmt.Sprintf("1 to Total, which is %d", t.Total)}
	}
	if t.Refused {
		t.ID = ""
	}
	if t.Total > 1 {
		if _, err := c.updateMessage(ctx, now, t.Key, t.Total, func(m *messageRecord) { m.track(t) }); err != nil {
			return err
		}
	}
	if t.ID == "" || t.NoReceipt && t.Total == 1 {
		return nil
	}
	return c.trackID(ctx, now, t)
}

// trackID enters the id of a part.
func (c *Correlator) trackID(ctx context.Context, now time.Time, t TrackedPart) error {
	key := c.Rule.ResponseKey(t.ID)
	var early *Delivery
	var held []*Receipt
	var given []idEntry
	err := c.update(ctx, now, idKey(key), func(old []byte) ([]byte, time.Time, error) {
		early, held, given = nil, nil, nil
		var rec idRecord
		if err := rec.decode(key, old); err != nil {
			return nil, time.Time{}, err
		}
		e, fresh, gaveWay := rec.track(t)
		held, given = rec.matching(e), gaveWay
		expires := now.Add(c.expiry())
		if !fresh && len(held) == 0 {
			return old, time.Time{}, nil
		}
		if t.Total == 1 {
			for _, r := range held {
				if e.state.apply(r) {
					early = e.delivery(true)
				}
			}
			rec.drop(held)
			if e.state.Final {
				expires = now.Add(c.grace())
			}
		}
		return rec.encode(key), expires, nil
	})
	if err != nil {
		return err
	}
	c.giveUp(given)
	if t.Total > 1 && len(held) > 0 {
		// The receipts stay in the record until the message knows of them, so that none is lost in between.
		var final bool
		for _, r := range held {
			var d *Delivery
			if d, err = c.applyToMessage(ctx, now, t.Key, t.Part, r); err != nil {
				break // what the others brought is told of all the same: it is no news when this comes again
			}
			if d != nil && d.Changed {
				early = d
			}
			final = final || r.Final()
		}
		if err == nil {
			err = c.update(ctx, now, idKey(key), func(old []byte) ([]byte, time.Time, error) {
				var rec idRecord
				if err := rec.decode(key, old); err != nil {
					return nil, time.Time{}, err
				}
				if len(old) == 0 {
					return nil, time.Time{}, nil // it gave way in the meantime
				}
				rec.drop(held)
				var expires time.Time
				if final && len(rec.entries) == 1 {
					expires = now.Add(c.grace())
				}
				return rec.encode(key), expires, nil
			})
		}
	}
	if early != nil && c.Early != nil {
		c.Early(early)
	}
	return err
}

// Receipt takes a receipt that came at the time now and returns the message that it is about, with the parts of it that
// other receipts were about. Changed of the Delivery is false if the receipt is a repeated one, or comes after the final one; a
// caller that may fail before it has noted a change goes by the State, which a repeated receipt brings again.
//
// It returns nil, and no error, if the message is not known: then the receipt is kept for Grace, so that a Track to come
// finds it and calls Early, and Unknown is called if none comes. An error is one of the Store; then the receipt was not
// taken, and the deliver_sm that brought it is best answered with an error so that it comes again.
func (c *Correlator) Receipt(ctx context.Context, now time.Time, r *Receipt) (*Delivery, error) {
	if r == nil {
		return nil, &Error{Field: "receipt", Rule: "it is missing"}
	}
	if r.ID == "" {
		c.unknown(r)
		return nil, nil
	}
	key := c.Rule.ReceiptKey(r.ID)
	var d *Delivery
	var part *idEntry // of a message in several parts
	var alone bool    // no other part has the id
	var ambiguous bool
	var tooMany []*Receipt
	err := c.update(ctx, now, idKey(key), func(old []byte) ([]byte, time.Time, error) {
		d, part, ambiguous, tooMany = nil, nil, false, nil
		var rec idRecord
		if err := rec.decode(key, old); err != nil {
			return nil, time.Time{}, err
		}
		if len(rec.entries) == 0 {
			tooMany = rec.hold(r)
			return rec.encode(key), now.Add(c.grace()), nil
		}
		e := rec.find(r.ID)
		switch {
		case e == nil:
			ambiguous = true
			return old, time.Time{}, nil
		case e.total > 1:
			part = e
			alone = len(rec.entries) == 1
			return old, time.Time{}, nil
		}
		changed := e.state.apply(r)
		d = e.delivery(changed)
		if !changed {
			return old, time.Time{}, nil
		}
		var expires time.Time
		if e.state.Final && len(rec.entries) == 1 {
			expires = now.Add(c.grace())
		}
		return rec.encode(key), expires, nil
	})
	if err != nil {
		return nil, err
	}
	for _, r := range tooMany {
		c.unknown(r)
	}
	if part != nil {
		if d, err = c.applyToMessage(ctx, now, part.message, part.part, r); err != nil {
			return nil, err
		}
		ambiguous = d == nil // given up long ago
		if d != nil && r.Final() && alone {
			// Only now, since the receipt has to find the message if it comes again. The receipt is taken whatever becomes of this.
			_ = c.update(ctx, now, idKey(key), func(old []byte) ([]byte, time.Time, error) { return old, now.Add(c.grace()), nil })
		}
	}
	if ambiguous {
		c.unknown(r)
	}
	return d, nil
}

// applyToMessage takes what a receipt says of a part; the Delivery is nil if there is no such message.
func (c *Correlator) applyToMessage(ctx context.Context, now time.Time, key string, part int, r *Receipt) (*Delivery, error) {
	changed := false
	d, err := c.updateMessage(ctx, now, key, 0, func(m *messageRecord) {
		changed = part <= len(m.parts) && m.apply(part, r)
	})
	if err != nil || d == nil || part > len(d.Parts) {
		return nil, err
	}
	d.Part, d.Changed = part, changed
	return d, nil
}

// updateMessage changes the record of a message in parts. Without a total, and without a record, it does nothing.
func (c *Correlator) updateMessage(ctx context.Context, now time.Time, key string, total int, change func(*messageRecord)) (*Delivery, error) {
	var d *Delivery
	err := c.update(ctx, now, messageKey(key), func(old []byte) ([]byte, time.Time, error) {
		d = nil
		var m messageRecord
		if err := m.decode(key, old); err != nil {
			return nil, time.Time{}, err
		}
		if m.parts == nil {
			if total == 0 {
				return old, time.Time{}, nil
			}
			m.parts = make([]PartState, total)
		} else if total != 0 && total != len(m.parts) {
			return nil, time.Time{}, &Error{Field: "TrackedPart.Total", Value: fmt.Sprint(total),
				Rule: fmt.Sprintf("%d, as it was for the other parts of %s", len(m.parts), quote(key))}
		}
		change(&m)
		d = m.delivery(key)
		var expires time.Time
		switch {
		case d.Pending == 0:
			expires = now.Add(c.grace())
		case total != 0:
			expires = now.Add(c.expiry())
		}
		return m.encode(), expires, nil
	})
	return d, err
}

// Expire gives up the messages whose receipts have not come within Expiry before now, and the receipts that no message was
// found for within Grace. With the memory store, Track and Receipt do so too; call Expire from time to time when
// nothing comes, and with a Store of your own.
func (c *Correlator) Expire(ctx context.Context, now time.Time) error {
	gone, err := c.store().Expire(ctx, now)
	for _, r := range gone {
		err = errors.Join(err, c.gone(r))
	}
	return err
}

// update changes a record; an error of fn leaves it as it was.
func (c *Correlator) update(ctx context.Context, now time.Time, key string, fn func(old []byte) ([]byte, time.Time, error)) error {
	var fault error
	gone, err := c.store().Update(ctx, now, key, func(old []byte) ([]byte, time.Time) {
		next, expires, err := fn(old)
		if fault = err; err != nil {
			return old, time.Time{}
		}
		return next, expires
	})
	if err == nil {
		err = fault
	}
	for _, r := range gone {
		// A record that cannot be read is no reason to fail what was asked for.
		_ = c.gone(r)
	}
	return err
}

// gone tells of what a record that the store gave up was waiting for.
func (c *Correlator) gone(r CorrelatorRecord) error {
	if key, ok := strings.CutPrefix(r.Key, idPrefix); ok {
		var rec idRecord
		if err := rec.decode(key, r.Value); err != nil {
			return err
		}
		c.giveUp(rec.entries)
		for _, h := range rec.held {
			c.unknown(h)
		}
		return nil
	}
	key := strings.TrimPrefix(r.Key, messagePrefix)
	var m messageRecord
	if err := m.decode(key, r.Value); err != nil {
		return err
	}
	if d := m.delivery(key); d.Pending > 0 {
		c.expired(d)
	}
	return nil
}

// giveUp tells of messages whose ids are known no longer. Those in several parts have records of their own.
func (c *Correlator) giveUp(entries []idEntry) {
	for i := range entries {
		if e := &entries[i]; e.total == 1 && !e.state.Final {
			c.expired(e.delivery(false))
		}
	}
}

func (c *Correlator) expired(d *Delivery) {
	if c.Expired != nil {
		d.Part, d.Changed = 0, false
		c.Expired(d)
	}
}

func (c *Correlator) unknown(r *Receipt) {
	if c.Unknown != nil {
		c.Unknown(r)
	}
}
