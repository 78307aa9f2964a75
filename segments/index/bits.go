package index

import (
	"iter"
	mathbits "math/bits"
)

// bits is a set of places in the columns.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) set(i uint32)      { b[i>>6] |= 1 << (i & 63) }
func (b bits) clear(i uint32)    { b[i>>6] &^= 1 << (i & 63) }
func (b bits) has(i uint32) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// put makes the answer about one place.
func (b bits) put(i uint32, is bool) {
	if is {
		b.set(i)
	} else {
		b.clear(i)
	}
}

func (b bits) fill(is bool) {
	word := uint64(0)
	if is {
		word = ^word
	}
	for i := range b {
		b[i] = word
	}
}

func (b bits) without(o bits) {
	for i := range o {
		b[i] &^= o[i]
	}
}

func (b bits) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bits) count() (n int) {
	for _, w := range b {
		n += mathbits.OnesCount64(w)
	}
	return n
}

// all gives the places in their order.
func (b bits) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i<<6 + mathbits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}
