package bus

import "github.com/redis/go-redis/v9"

// The scripts run whole on the server that holds the key; time is its own.
var (
	// takeScript counts one act of ARGV[1] at once, then one every ARGV[2]
	// microseconds. The key holds when its bucket will be empty. It answers with
	// the microseconds to wait, 0 when the act is counted.
	takeScript = redis.NewScript(`
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local every = tonumber(ARGV[2])
local full = tonumber(ARGV[1]) * every
local empty = tonumber(redis.call('GET', KEYS[1]) or '0')
if empty < now then empty = now end
if empty - now > full then empty = now + full end
local wait = empty + every - now - full
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', empty + every), 'PX', string.format('%.0f', math.ceil((empty + every - now) / 1000) + 1))
return 0`)

	// giveBackScript takes one act back.
	giveBackScript = redis.NewScript(`
local empty = tonumber(redis.call('GET', KEYS[1]) or '0')
if empty > 0 then redis.call('SET', KEYS[1], string.format('%.0f', empty - tonumber(ARGV[1])), 'KEEPTTL') end
return 0`)

	// holdScript takes a lease, or makes it longer.
	holdScript = redis.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	// dropScript deletes a key that holds ARGV[1].
	dropScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)
)
