package sms

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// A JoinerStore keeps the incomplete messages of Joiners outside of them: in a database, or in a cache that several
// processes share. It is a set of values under keys that only ever changes by comparing first, which databases of all
// kinds can do. Keys are 43 characters of A-Z, a-z, 0-9, "-" and "_"; values are what the parts of a message take and
// some more, in JSON. It must be safe for concurrent use.
type JoinerStore interface {
	// Load returns the value under key, nil if there is none.
	Load(ctx context.Context, key string) (value []byte, err error)

	// Swap puts the value new in the place of old and reports whether it did: only if old is there still. nil means no
	// value, as old and as new. It must be atomic. A value has served its purpose at the time expires; a store may drop it
	// some time later by itself.
	Swap(ctx context.Context, key string, old, new []byte, expires time.Time) (swapped bool, err error)

	// Expired returns keys whose values have expired at the time now, some or all of them. A store that drops them by
	// itself returns none; then Joiner.Lost does not learn of them.
	Expired(ctx context.Context, now time.Time) (keys []string, err error)
}

// String returns the key in a store.
func (k joinKey) String() string {
	h := sha256.New()
	for _, s := range []string{
		fmt.Sprintf("%d %d %d %d %d %d %d", k.source.TON, k.source.NPI, k.dest.TON, k.dest.NPI, k.method, k.reference, k.total),
		k.source.Addr, k.dest.Addr, k.others,
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s) // never fails
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// storedMessage is a partial as a store keeps it.
type storedMessage struct {
	Format    int           `json:"format"` // 1
	Source    storedAddress `json:"source"`
	Dest      storedAddress `json:"dest"`
	Others    []byte        `json:"others,omitempty"`
	Method    Method        `json:"method"`
	Reference uint16        `json:"reference"`
	Total     uint8         `json:"total"`
	Since     time.Time     `json:"since"`
	Parts     []storedPart  `json:"parts"`
}

type storedAddress struct {
	TON  pdu.TON `json:"ton"`
	NPI  pdu.NPI `json:"npi"`
	Addr []byte  `json:"addr"`
}

type storedPart struct {
	Index      uint8          `json:"index"`
	DataCoding pdu.DataCoding `json:"data_coding"`
	ESMClass   pdu.ESMClass   `json:"esm_class"`
	Octets     []byte         `json:"octets"`
}

func (p *partial) marshal() ([]byte, error) {
	k := p.key
	s := storedMessage{
		Format:    1,
		Source:    storedAddress{k.source.TON, k.source.NPI, []byte(k.source.Addr)},
		Dest:      storedAddress{k.dest.TON, k.dest.NPI, []byte(k.dest.Addr)},
		Others:    []byte(k.others),
		Method:    k.method,
		Reference: k.reference,
		Total:     k.total,
		Since:     p.since,
	}
	for _, d := range p.parts {
		s.Parts = append(s.Parts, storedPart{d.Concat.Index, d.DataCoding, d.ESMClass, d.Raw})
	}
	return json.Marshal(s)
}

// unmarshalPartial reads what marshal has written.
func unmarshalPartial(value []byte) (*partial, error) {
	var s storedMessage
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, err
	}
	if s.Format != 1 {
		return nil, fmt.Errorf("format %d is unknown", s.Format)
	}
	p := newPartial(joinKey{
		source:    pdu.Address{TON: s.Source.TON, NPI: s.Source.NPI, Addr: string(s.Source.Addr)},
		dest:      pdu.Address{TON: s.Dest.TON, NPI: s.Dest.NPI, Addr: string(s.Dest.Addr)},
		others:    string(s.Others),
		method:    s.Method,
		reference: s.Reference,
		total:     s.Total,
	}, s.Since)
	for _, part := range s.Parts {
		c := Concat{Reference: s.Reference, Total: s.Total, Index: part.Index}
		if !c.valid() || p.part(c.Index) != nil {
			return nil, fmt.Errorf("part %d of %d is out of range or there twice", c.Index, c.Total)
		}
		d := Data{Raw: part.Octets, DataCoding: part.DataCoding, ESMClass: part.ESMClass}
		d.read(nil)
		d.Concat, d.Method = c, s.Method
		p.add(d)
	}
	if len(p.parts) == 0 || len(p.parts) >= int(s.Total) {
		return nil, fmt.Errorf("%d parts of %d", len(p.parts), s.Total)
	}
	return p, nil
}

// load returns what is in the store, nil if nothing.
func (j *Joiner) load(ctx context.Context, key string) (*partial, []byte, error) {
	value, err := j.Store.Load(ctx, key)
	if err != nil || value == nil {
		return nil, nil, err
	}
	p, err := unmarshalPartial(value)
	if err != nil {
		return nil, value, &Error{Field: "message in the store of the Joiner", Value: key, Rule: "what a Joiner has put there", Err: err}
	}
	return p, value, nil
}

// addToStore is Add with a store.
func (j *Joiner) addToStore(ctx context.Context, now time.Time, k joinKey, d Data) (*Message, error) {
	key := k.String()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, old, err := j.load(ctx, key)
		if err != nil {
			return nil, err
		}
		var lost []*partial
		if p != nil && now.Sub(p.since) >= j.expiry() {
			lost, p = append(lost, p), nil
		}
		if p != nil {
			if before := p.part(d.Concat.Index); before != nil {
				if samePart(before, &d) {
					return nil, nil
				}
				lost, p = append(lost, p), nil
			}
		}
		var parts []Data
		if p == nil {
			p = newPartial(k, now)
		} else if parts = p.completedBy(d.clone()); parts != nil && j.Hold {
			return j.whole(parts, &held{partial: p, value: old}), nil
		}
		var value []byte
		if parts == nil {
			p.add(d)
			if value, err = p.marshal(); err != nil {
				return nil, err
			}
			if p.octets > j.mostOctets() {
				lost, value = append(lost, p), nil
			}
		}
		swapped, err := j.Store.Swap(ctx, key, old, value, p.since.Add(j.expiry()))
		if err != nil {
			return nil, err
		}
		if !swapped {
			continue // another Joiner was faster
		}
		j.report(lost)
		if parts == nil {
			return nil, nil
		}
		return j.whole(parts, &held{partial: p}), nil
	}
}

// expireStore is Expire with a store.
func (j *Joiner) expireStore(ctx context.Context, now time.Time) error {
	keys, err := j.Store.Expired(ctx, now)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		p, old, err := j.load(ctx, key)
		if err != nil {
			errs = append(errs, err)
			if old == nil {
				continue
			}
		}
		if old == nil || p != nil && now.Sub(p.since) < j.expiry() {
			continue // complete by now, or a new message
		}
		swapped, err := j.Store.Swap(ctx, key, old, nil, time.Time{})
		if err != nil {
			errs = append(errs, err)
		} else if swapped && p != nil {
			j.report([]*partial{p})
		}
	}
	return errors.Join(errs...)
}
