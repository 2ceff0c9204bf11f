-- A new connection shows up: it takes the member's row, and begins an epoch where the record is not of this life of the data.
-- args: instance, highest epoch that the member has seen and whose it was ('': none), the one that it has joined, one that it holds to be
-- over ('': none), length of a lease.
local instance, seen, whose, joined, over, lease = args[1], tonumber(args[2]), args[3], args[4], args[5], tonumber(args[6])
local info = redis.call('INFO', 'server', 'replication', 'stats', 'memory')
local run, history = string.match(info, 'run_id:(%w+)'), string.match(info, 'master_replid:(%w+)')
local evicted = string.match(info, 'evicted_keys:(%d+)')
if not run or not history or not evicted then return {'unknown'} end
local identity, t = run .. '-' .. history, now()

local mine = redis.call('HMGET', KEYS[2], 'instance', 'lease', 'counted')
local left = (tonumber(mine[2]) or 0) - t -- longer than a lease: the clock of Redis was set back since
if mine[1] and mine[1] ~= instance and left > 0 and left <= lease then return {'taken', mine[1]} end
local counted = '0'
if mine[1] == instance and mine[3] then counted = mine[3] end
redis.call('HSET', KEYS[2], 'instance', instance, 'connection', ARGV[2], 'counted', counted, 'lease', t + lease, 'beat', t, 'off', '0')
redis.call('SADD', key('members'), member)

local epoch = redis.call('HMGET', KEYS[1], 'number', 'identity', 'began', 'evicted')
local number = tonumber(epoch[1] or '') or 0
if epoch[1] ~= string.format('%.0f', number) or number > 2 ^ 49 then number = 0 end -- none of ours
local forgotten = epoch[1] == joined and redis.call('SISMEMBER', key('joined'), member) == 0
local earlier = number < seen or number == seen and whose ~= identity
if number == 0 or epoch[2] ~= identity or not epoch[3] or not epoch[4] or earlier or epoch[1] == over or forgotten then
  number = math.max(number, seen) + 1
  epoch = {string.format('%.0f', number), identity, string.format('%.0f', t), evicted}
  redis.call('DEL', KEYS[1], key('joined'))
  redis.call('HSET', KEYS[1], 'number', epoch[1], 'identity', identity, 'began', epoch[3], 'evicted', evicted)
end
return {'entered', epoch[1], identity, epoch[3], epoch[4], counted, info}
