package customers

import (
	"github.com/fanward/fanward/internal/ids"
)

// identify stores who somebody is. A server's word joins the anonymous id to the
// person, proves the address and replaces traits; a browser's describes whom
// nobody knows yet.
func (k *keeper) identify(c Call, o *outcome) error {
	k.forget()
	t := readTraits(c.Traits)
	if t.locale == "" {
		t.locale = canonicalLocale(c.Locale)
	}
	if t.zone == "" {
		t.zone = c.Timezone
	}
	var err error
	if k.key.Kind == ServerKey && c.UserID != "" {
		err = k.proveIdentity(c, &t, o)
	} else {
		err = k.describe(c, &t, o)
	}
	o.reasons = append(o.reasons, t.left...)
	return err
}

// alias joins what was known under another id to a person.
func (k *keeper) alias(c Call, o *outcome) error {
	k.forget()
	if k.key.Kind != ServerKey {
		who, err := k.seenNow(k.whose(c), false, c.Locale, c.At)
		o.customer = who.Customer
		o.note("previousId", "browser_joins_nobody", nil)
		return err
	}
	was, found, err := FindTx(k.tx, Key{KindExternal, Installation, c.PreviousID})
	if err != nil {
		return err
	}
	if found && c.PreviousID != c.UserID {
		who, err := k.seenNow(k.whose(c), true, c.Locale, c.At)
		if o.customer = who.Customer; err == nil && was.Customer != who.Customer {
			o.note("previousId", "two_known_people", nil)
		}
		return err
	}
	c.AnonymousID = c.PreviousID
	return k.proveIdentity(c, &told{}, o)
}

// proveIdentity makes a server's user id a person, to whom the anonymous id
// belongs from here on unless somebody else is known by it.
func (k *keeper) proveIdentity(c Call, t *told, o *outcome) error {
	person := Key{KindExternal, Installation, c.UserID}
	device := Key{KindAnonymous, Installation, c.AnonymousID}
	// Some programs send one id as both: that names no browser.
	joins := c.AnonymousID != "" && c.AnonymousID != c.UserID
	var owner ids.ID
	var err error
	if joins {
		if owner, err = lockBothTx(k.tx, device, person); err != nil {
			return err
		}
	}
	who, err := k.seenNow(person, true, t.locale, c.At)
	if err != nil {
		return err
	}
	o.customer = who.Customer
	a := arrival{}
	if joins {
		taken := false
		if a, taken, err = k.s.deviceTx(k.tx, device, person, owner, who, k.now); err != nil {
			return err
		}
		if taken {
			o.note("anonymousId", "anonymous_taken", nil)
		}
	}
	proven, err := k.s.proveEmailTx(k.tx, who, Traits{Email: t.email, EmailProven: t.email != ""}, k.now)
	if err != nil {
		return err
	}
	changed, err := k.s.takeTraitsTx(k.tx, who.Customer, who.Home, t, c.At, k.now)
	if err != nil {
		return err
	}
	if a.new {
		if err := k.s.TrackTx(k.tx, Track{Customer: who.Customer, Identity: who.Identity, Name: EventCustomerIdentified, At: c.At, Imported: c.Imported,
			Properties: map[string]any{"user_id": c.UserID}}, k.now); err != nil {
			return err
		}
	}
	return k.tell(who.Customer, changed || a.new || a.changed || proven.changed, append(a.browsers, proven.browsers...))
}

// describe takes over what a browser says of its user: of somebody we know only
// what is blank, and never how to reach them.
func (k *keeper) describe(c Call, t *told, o *outcome) error {
	who, err := k.seenNow(k.whose(c), false, t.locale, c.At)
	if err != nil {
		return err
	}
	o.customer = who.Customer
	if err := k.noteClaim(c, who, o); err != nil {
		return err
	}
	var named int64
	if err := k.tx.QueryRow(qNamed, who.Customer).Scan(&named); err != nil {
		return err
	}
	if named == 0 {
		changed, err := k.s.takeTraitsTx(k.tx, who.Customer, who.Home, t, c.At, k.now)
		if err != nil {
			return err
		}
		return k.tell(who.Customer, changed, nil)
	}
	for _, field := range []string{"email", "phone"} {
		if _, there := t.attributes[field]; there {
			delete(t.attributes, field)
			o.note("traits."+field, "known_person", nil)
		}
	}
	changed, err := k.s.fillTx(k.tx, who.Customer, who.Home, Traits{Name: t.name, Locale: t.locale, Timezone: t.zone, Attributes: t.attributes}, k.now)
	if err != nil {
		return err
	}
	return k.tell(who.Customer, changed, nil)
}

var qNamed = queries.Get("named-on-channels")

// tell announces a changed customer.
func (k *keeper) tell(customer ids.ID, changed bool, browsers []ids.ID) error {
	if !changed {
		return nil
	}
	c, err := get(k.tx, qGet, customer)
	if err != nil {
		return err
	}
	return announceAll(k.tx, c, browsers, k.now)
}
