"""What Veille brings to Kibana: data views, dashboards, saved searches, made of readable files."""
