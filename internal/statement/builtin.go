package statement

//go:generate go run ./gen

// builtin is a function of pg_catalog: all overloads of one name, in all versions that the generator has seen.
type builtin struct {
	name  string
	class Class
	pin   Pin
}

const (
	builtinBits = 13
	nameBits    = 9
)

var builtinSlots = func() (slots [1 << builtinBits]uint16) {
	for n := range builtins {
		i := slot(hashOf(builtins[n].name), builtinBits)
		for slots[i] != 0 {
			i = (i + 1) % uint32(len(slots))
		}
		slots[i] = uint16(n + 1)
	}
	return slots
}()

// findBuiltin looks a function up by its name as it is written, and the hash of its folded form.
func findBuiltin(name string, hash uint32) *builtin {
	for i := slot(hash, builtinBits); ; i = (i + 1) % uint32(len(builtinSlots)) {
		n := builtinSlots[i]
		if n == 0 {
			return nil
		}
		if b := &builtins[n-1]; equalFolded(name, b.name) {
			return b
		}
	}
}

// nameSet is a set of a few hundred names at most.
type nameSet [1 << nameBits]string

func newNameSet(names []string) *nameSet {
	s := new(nameSet)
	for _, name := range names {
		i := slot(hashOf(name), nameBits)
		for s[i] != "" {
			i = (i + 1) % uint32(len(s))
		}
		s[i] = name
	}
	return s
}

func (s *nameSet) has(name string, hash uint32) bool {
	for i := slot(hash, nameBits); s[i] != ""; i = (i + 1) % uint32(len(s)) {
		if s[i] == name {
			return true
		}
	}
	return false
}

// hashSet is a set of hashes, some of which it may claim without having them.
type hashSet [1 << hashBits / 64]uint64

const hashBits = 13

func (s *hashSet) has(hash uint32) bool {
	i := slot(hash, hashBits)
	return s[i/64]>>(i%64)&1 != 0
}

// acts tells whether a function is more than a read.
func acts(b *builtin) bool { return b.class != ClassRead && b.class != ClassReadsUnnamed }

// actingHashes are those of the functions that act, which few names in a text share.
var actingHashes = func() (s hashSet) {
	for n := range builtins {
		if b := &builtins[n]; acts(b) {
			i := slot(hashOf(b.name), hashBits)
			s[i/64] |= 1 << (i % 64)
		}
	}
	return s
}()

var (
	typeSet     = newNameSet(builtinTypes[:])
	operatorSet = newNameSet(builtinOperators[:])
)
