package queue

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ravn-ap/ravn/internal/store"
)

// worse is which of the places of a tenant go to other classes than the most urgent one: each eighth, to them in turn.
// So a batch holds up no single document, and no number of documents keeps a report waiting for ever.
const worse = 8

// turn is what is known of a tenant.
type turn struct {
	running int                    // jobs that are under way
	served  int64                  // number of the last place that it got
	places  int                    // that it got
	last    map[store.Class]string // the lane that got the last one, by class
}

// tenant returns what is known of a tenant.
func (l *Lanes) tenant(name string) *turn {
	if l.tenants == nil {
		l.tenants = map[string]*turn{}
	}
	if l.tenants[name] == nil {
		if len(l.tenants) >= maxLanes {
			maps.DeleteFunc(l.tenants, func(_ string, t *turn) bool { return t.running == 0 })
		}
		l.tenants[name] = &turn{last: map[store.Class]string{}}
	}
	return l.tenants[name]
}

// share divides places among the heads of due work. Each goes to the tenant that has the fewest jobs under way, so that
// thousands of documents of one tenant delay a document of another by no more than one job. Of a tenant the most urgent
// class comes first, see worse, and of a class the lanes with due work in turn. Of the lane without a target half are
// the newest jobs: what was just handed in does not wait behind thousands that must be looked up.
func (l *Lanes) share(heads []store.Lane, places int) []store.Portion {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &share{
		Lanes: l, most: map[string]int{}, got: map[string]int{}, due: map[string]map[store.Class][]string{},
		given: map[store.Lane]int{},
	}
	all := len(heads)
	heads = slices.DeleteFunc(heads, l.closed)
	names := map[string]bool{}
	for _, h := range heads {
		names[h.Name] = true
	}
	for _, h := range heads {
		if _, known := s.most[h.Name]; !known {
			s.most[h.Name] = l.tokens(h.Name, l.allowed(h, len(names) == 1, places))
		}
		if s.most[h.Name] > 0 {
			s.add(h)
		}
	}
	for places > 0 && s.next() {
		places--
	}
	l.short = places > 0 && all > 0
	return s.portions()
}

// share is a division that is under way.
type share struct {
	*Lanes
	most  map[string]int                      // places that a lane may still get
	got   map[string]int                      // places of a tenant
	due   map[string]map[store.Class][]string // lanes with due work, by tenant and class, in order
	given map[store.Lane]int                  // places of a lane, tenant and class
}

func (s *share) add(h store.Lane) {
	if s.due[h.Tenant] == nil {
		s.due[h.Tenant] = map[store.Class][]string{}
	}
	lanes := s.due[h.Tenant][h.Class]
	if i, found := slices.BinarySearch(lanes, h.Name); !found {
		s.due[h.Tenant][h.Class] = slices.Insert(lanes, i, h.Name)
	}
}

// next gives a place away, and reports whether anybody could take it.
func (s *share) next() bool {
	for len(s.due) > 0 {
		name := s.first()
		for _, class := range s.classes(name) {
			if lane, ok := s.lane(name, class); ok {
				s.give(name, class, lane)
				return true
			}
			delete(s.due[name], class)
		}
		delete(s.due, name)
	}
	return false
}

// first is the tenant whose turn it is.
func (s *share) first() string {
	return slices.MinFunc(slices.Collect(maps.Keys(s.due)), func(a, b string) int {
		ta, tb := s.tenant(a), s.tenant(b)
		return cmp.Or(cmp.Compare(ta.running+s.got[a], tb.running+s.got[b]), cmp.Compare(ta.served, tb.served),
			strings.Compare(a, b))
	})
}

// classes are those of a tenant with due work, in the order of this turn.
func (s *share) classes(tenant string) []store.Class {
	list := slices.Sorted(maps.Keys(s.due[tenant]))
	if n := s.tenant(tenant).places; n%worse == worse-1 && len(list) > 1 {
		i := 1 + n/worse%(len(list)-1)
		c := list[i]
		return slices.Insert(slices.Delete(list, i, i+1), 0, c)
	}
	return list
}

// lane is the one of a tenant and a class whose turn it is: that behind the last one.
func (s *share) lane(tenant string, class store.Class) (string, bool) {
	lanes := slices.DeleteFunc(s.due[tenant][class], func(name string) bool { return s.most[name] <= 0 })
	if s.due[tenant][class] = lanes; len(lanes) == 0 {
		return "", false
	}
	i, found := slices.BinarySearch(lanes, s.tenant(tenant).last[class])
	if found {
		i++
	}
	return lanes[i%len(lanes)], true
}

func (s *share) give(tenant string, class store.Class, lane string) {
	t := s.tenant(tenant)
	s.places++
	t.served, t.last[class] = s.places, lane
	t.places++
	s.got[tenant]++
	s.most[lane]--
	s.given[store.Lane{Name: lane, Tenant: tenant, Class: class}]++
}

func (s *share) portions() (list []store.Portion) {
	for h, n := range s.given {
		p := store.Portion{Lane: h.Name, Tenant: h.Tenant, Class: h.Class, Limit: n}
		if h.Name == "" && n > 1 {
			newest := p
			newest.Limit, newest.Newest = n/2, true
			list, p.Limit = append(list, newest), n-n/2
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b store.Portion) int {
		return cmp.Or(strings.Compare(a.Lane, b.Lane), cmp.Compare(a.Class, b.Class),
			strings.Compare(a.Tenant, b.Tenant), cmp.Compare(bit(b.Newest), bit(a.Newest)))
	})
	return list
}
