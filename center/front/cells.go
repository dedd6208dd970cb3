package front

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/godwit-sms/smpp"
	"github.com/godwit-sms/smpp/center/dispatch"
	"github.com/godwit-sms/smpp/center/message"
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// Cells are the sessions that receive broadcasts, each for some areas. It is the
// target of broadcasts.
type Cells struct {
	mu        sync.Mutex
	receivers map[*receiver][]string
}

// NewCells returns cells without a receiver.
func NewCells() *Cells { return &Cells{receivers: make(map[*receiver][]string)} }

var _ dispatch.Target = (*Cells)(nil)

// Window returns how many broadcasts may be sent at a time.
func (*Cells) Window() int { return 16 }

// allAreas is the name that stands for every area.
const allAreas = "*"

func (c *Cells) add(r *receiver, areas []string) {
	if len(areas) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receivers[r] = areas
}

func (c *Cells) remove(r *receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.receivers, r)
}

// Attempt sends a broadcast to all who receive for one of its areas, and counts
// who takes it.
func (c *Cells) Attempt(a *dispatch.Attempt) { go c.send(a) }

// cellTimeout is how long a receiver has to take a broadcast, at most half the
// time to the next: a broadcast cannot be cancelled while it is being sent.
const cellTimeout = 30 * time.Second

func (c *Cells) send(a *dispatch.Attempt) {
	m := a.Message
	next := *m
	next.Attempts++
	next.Areas = slices.Clone(m.Areas)
	names := make([]string, len(m.Areas))
	for i := range m.Areas {
		names[i] = areaName(m.Areas[i].ID)
	}
	type cell struct {
		r   *receiver
		hit []int // which of the areas
	}
	var cells []cell
	c.mu.Lock()
	for r, areas := range c.receivers {
		x := cell{r: r}
		for i, name := range names {
			if slices.Contains(areas, name) || slices.Contains(areas, allAreas) {
				x.hit = append(x.hit, i)
				next.Areas[i].Tried++
			}
		}
		if len(x.hit) > 0 {
			cells = append(cells, x)
		}
	}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), min(cellTimeout, intervalOf(m.TLVs)/2))
	defer cancel()
	var mu sync.Mutex
	open, over := len(cells), false
	answered := make(chan struct{}, 1)
	for _, x := range cells {
		done := func(_ *pdu.DeliverSMResp, err error) {
			mu.Lock()
			defer mu.Unlock()
			if over {
				return // too late to be counted
			}
			if err != nil {
				x.r.front.log.Debug("broadcast refused", "id", m.Group, "session", x.r.id, "error", err)
			} else {
				for _, i := range x.hit {
					next.Areas[i].Reached++
				}
			}
			if open--; open == 0 {
				answered <- struct{}{}
			}
		}
		go func() { // a session whose window is full holds nobody else up
			if err := smpp.Go(ctx, x.r.session, broadcastOf(m, x.hit, x.r.version), done); err != nil {
				done(nil, err)
			}
		}()
	}
	if len(cells) > 0 {
		select {
		case <-answered:
		case <-ctx.Done():
		}
	}
	mu.Lock()
	over = true
	mu.Unlock()
	now := time.Now()
	rep, limited := pdu.TLVBroadcastRepNum.Get(m.TLVs)
	next.Next = nextBroadcast(m, now)
	outcome := dispatch.Again
	if limited && rep > 0 && next.Attempts >= int(rep) || !next.Next.Before(m.Expires) {
		outcome = dispatch.Over
	}
	a.Done(dispatch.Result{Outcome: outcome, Message: &next})
}

// broadcastOf returns a broadcast as a deliver_sm for a peer of version v, with
// the areas that the peer receives for.
func broadcastOf(m *message.Message, areas []int, v pdu.Version) *pdu.DeliverSM {
	d := &pdu.DeliverSM{ServiceType: m.ServiceType, Source: m.Source, PriorityFlag: m.Priority, DataCoding: m.DataCoding, ShortMessage: m.Text}
	most := 254
	switch {
	case v < pdu.V34:
		most, d.PriorityFlag = 65535, min(d.PriorityFlag, 1) // there is no other place
	case v < pdu.V50:
		d.PriorityFlag = min(d.PriorityFlag, 3)
	default:
		for _, i := range areas {
			d.TLVs.Add(pdu.TLVBroadcastAreaIdentifier.Tag(), []byte(m.Areas[i].ID))
		}
		for _, o := range m.TLVs {
			if o.Tag != pdu.TLVMessagePayload.Tag() && o.Tag != pdu.TLVBroadcastRepNum.Tag() && o.Tag != pdu.TLVBroadcastFrequency.Tag() {
				d.TLVs = append(d.TLVs, o)
			}
		}
	}
	if payload, ok := m.TLVs.Get(pdu.TLVMessagePayload.Tag()); ok {
		d.ShortMessage = payload
	}
	if len(d.ShortMessage) > most {
		d.TLVs = append(d.TLVs, tlv.Option{Tag: pdu.TLVMessagePayload.Tag(), Value: d.ShortMessage})
		d.ShortMessage = nil
	}
	return d
}

// nextBroadcast returns when a broadcast goes out after now: at its beginning, or
// a number of intervals later. What was missed, because the message center was
// down, stays so.
func nextBroadcast(m *message.Message, now time.Time) time.Time {
	begin := m.Submitted
	if !m.Due.IsZero() {
		begin = m.Due
	}
	every := intervalOf(m.TLVs)
	if now.Before(begin) {
		return begin
	}
	// The division leaves the last repetition behind, however long it took.
	return begin.Add((now.Sub(begin)/every + 1) * every)
}

// units are the lengths of the units of broadcast_frequency_interval. Months and
// years are those of an average year.
var units = map[pdu.FrequencyUnit]time.Duration{
	pdu.EveryChance:  time.Second,
	pdu.EverySeconds: time.Second,
	pdu.EveryMinutes: time.Minute,
	pdu.EveryHours:   time.Hour,
	pdu.EveryDays:    24 * time.Hour,
	pdu.EveryWeeks:   7 * 24 * time.Hour,
	pdu.EveryMonths:  730 * time.Hour,
	pdu.EveryYears:   8760 * time.Hour,
}

// intervalOf returns the time between repetitions, a second at least.
func intervalOf(l tlv.List) time.Duration {
	v, _ := pdu.TLVBroadcastFrequency.Get(l)
	unit := max(units[v.Unit], time.Second)
	if v.Unit == pdu.EveryChance {
		return unit
	}
	return max(unit*time.Duration(min(int64(v.Count), int64(century/unit))), time.Second)
}

// century is longer than anything waits; more could not be counted.
const century = 100 * 8760 * time.Hour

// areaName returns how accounts and binds name an area, given the value of its
// broadcast_area_identifier.
func areaName(id string) string {
	if id == "" {
		return ""
	}
	return pdu.Area{Format: pdu.AreaFormat(id[0]), Details: []byte(id[1:])}.String()
}
