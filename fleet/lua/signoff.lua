-- The member stops in good order: it is not absent, and its name is free at once.
redis.call('HSET', KEYS[2], 'off', '1', 'lease', '0')
return 1
