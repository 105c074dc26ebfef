package crosscheck

import "strings"

// locality is a region and a city within it, hashed; 0 = not said. Sixteen bits
// of a region will do: two that collide hide a difference, they make none.
type locality struct {
	region uint16
	city   uint32
}

// localityOf reads a city or district code: of a division code of six digits the
// first two are the region (province) and the first four the city; of a path
// ("SP/sao paulo/3052") its first and its second part. Anything else is its
// own region.
func localityOf(code string) locality {
	if code == "" {
		return locality{}
	}
	region, city := code, code
	if len(code) == 6 && digits(code) {
		region, city = code[:2], code[:4]
	} else if at := strings.IndexByte(code, '/'); at > 0 {
		region = code[:at]
		if rest := strings.IndexByte(code[at+1:], '/'); rest >= 0 {
			city = code[:at+1+rest]
		}
	}
	return locality{region: uint16(hash(region)>>48) | 1, city: uint32(hash(city)>>32) | 1}
}

func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// localityCache remembers the last code read: rows of one merchant repeat them.
type localityCache struct {
	code string
	at   locality
}

func (c *localityCache) of(code string) locality {
	if code != c.code {
		c.code, c.at = clone(code), localityOf(code)
	}
	return c.at
}

// clone copies a text so that its row's buffer can go.
func clone(text string) string { return strings.Clone(text) }
