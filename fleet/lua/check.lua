if redis.call('HGET', KEYS[1], 'number') ~= ARGV[1] then return redis.error_reply('EPOCH ' .. ARGV[3]) end
local row = redis.call('HMGET', KEYS[2], 'connection', 'counted')
if row[1] ~= ARGV[2] then return redis.error_reply('FENCED ' .. ARGV[3]) end
if ARGV[4] ~= '' and row[2] ~= ARGV[4] then return redis.error_reply('ORDER ' .. ARGV[3]) end

