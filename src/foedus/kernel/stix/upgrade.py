def upgrade(obj):
    return obj
