package ledger

import "slices"

// order finds lots without looking at all of them: tens of thousands of purchases and sales of one instrument must not take the
// square of that. Places are indexes into the lots; those of lots that are gone stay until the lots are tidied.
type order struct {
	gone    int                    // lots that are only still there so that places stay
	dearest []int32                // under HIFO a heap of places, the dearest on top; nil until it is asked for
	named   map[ActivityID][]int32 // under Specific the places of a lot, rising; nil until it is asked for
}

// tidy drops the lots that are gone, and with them all places.
func (l *Lots) tidy() {
	if l.order.gone > 0 {
		l.lots = slices.DeleteFunc(l.lots, func(lot Lot) bool { return lot.gone })
		l.order = order{}
	}
}

// drop marks a lot as gone.
func (l *Lots) drop(place int) {
	lot := &l.lots[place]
	*lot = Lot{Opened: lot.Opened, Order: lot.Order, gone: true}
	l.order.gone++
}

// settle tidies once half of the lots are gone, so that a lot is moved a few times at most.
func (l *Lots) settle() {
	const goneLeast = 32
	if l.order.gone >= goneLeast && l.order.gone > len(l.lots)/2 {
		l.tidy()
	}
}

// inserted notes a new lot at a place.
func (l *Lots) inserted(place int) {
	if place != len(l.lots)-1 {
		l.order.dearest, l.order.named = nil, nil // the places after it have moved
		return
	}
	if l.order.dearest != nil {
		l.order.dearest = append(l.order.dearest, int32(place))
		l.rise(len(l.order.dearest) - 1)
	}
	if id := l.lots[place].ID; l.order.named != nil {
		l.order.named[id] = append(l.order.named[id], int32(place))
	}
}

// places are where the lots of an id are, rising; some may be gone.
func (l *Lots) places(id ActivityID) []int32 {
	if l.order.named == nil {
		l.order.named = make(map[ActivityID][]int32, len(l.lots))
		for i := range l.lots {
			if !l.lots[i].gone {
				l.order.named[l.lots[i].ID] = append(l.order.named[l.lots[i].ID], int32(i))
			}
		}
	}
	return l.order.named[id]
}

// first is the place of the dearest lot; of equally dear ones the oldest.
func (l *Lots) first() int {
	if l.order.dearest == nil {
		l.order.dearest = make([]int32, 0, len(l.lots))
		for i := range l.lots {
			if !l.lots[i].gone {
				l.order.dearest = append(l.order.dearest, int32(i))
			}
		}
		for at := len(l.order.dearest)/2 - 1; at >= 0; at-- {
			l.sink(at)
		}
	}
	return int(l.order.dearest[0])
}

// took puts the heap right after something was taken of its first lot, or all of it.
func (l *Lots) took() {
	heap := l.order.dearest
	if place := int(heap[0]); l.lots[place].Quantity.IsZero() {
		l.drop(place)
		heap[0] = heap[len(heap)-1]
		l.order.dearest = heap[:len(heap)-1]
	}
	l.sink(0)
}

// before says whether the lot at a place of the heap goes before the one at another.
func (l *Lots) before(a, b int) bool {
	i, j := l.order.dearest[a], l.order.dearest[b]
	x, y := &l.lots[i], &l.lots[j]
	return dearer(x, y) || !dearer(y, x) && i < j
}

func (l *Lots) rise(at int) {
	for heap := l.order.dearest; at > 0; {
		parent := (at - 1) / 2
		if !l.before(at, parent) {
			return
		}
		heap[at], heap[parent] = heap[parent], heap[at]
		at = parent
	}
}

func (l *Lots) sink(at int) {
	for heap := l.order.dearest; ; {
		best := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(heap); child++ {
			if l.before(child, best) {
				best = child
			}
		}
		if best == at {
			return
		}
		heap[at], heap[best] = heap[best], heap[at]
		at = best
	}
}
