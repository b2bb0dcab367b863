"""Is this picture like those that the model was made from?"""
