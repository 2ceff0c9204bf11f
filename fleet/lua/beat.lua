-- args: length of a lease, what the others are to know of the member, how long a row outlives its last heartbeat (ms), how many rows to return.
local t = now()
redis.call('HSET', KEYS[2], 'lease', t + tonumber(args[1]), 'beat', t, 'about', args[2])
redis.call('PEXPIRE', KEYS[2], args[3])
local rows = {}
for _, name in ipairs(redis.call('SMEMBERS', key('members'))) do
  local row = redis.call('HMGET', key('member:' .. name), 'instance', 'lease', 'beat', 'off', 'about')
  if not row[1] then
    redis.call('SREM', key('members'), name)
  elseif #rows < tonumber(args[4]) then
    rows[#rows + 1] = {name, row[1], tonumber(row[2]) or 0, tonumber(row[3]) or 0, row[4] == '1' and 1 or 0, row[5] or ''}
  end
end
local info = redis.call('INFO', 'server', 'replication', 'stats', 'memory')
return {ARGV[1], t, redis.call('SMEMBERS', key('joined')), tonumber(redis.call('GET', key('freezes:version')) or '0') or 0, info, rows}
