"""What the models are made of, under the names that the field's packages know."""
